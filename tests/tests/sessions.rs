//! The sessions of both drivers against the embedded mail host.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::duplicate_mod, reason = "each driver runs the same cases")]

#[path = "sessions"]
mod blocking {
    use xoauth::{imap as imap_sessions, smtp as smtp_sessions};

    macro_rules! wait {
        ($call:expr) => {
            $call
        };
    }
    macro_rules! run {
        ($case:block) => {
            $case
        };
    }
    /// The next news of IDLE.
    macro_rules! news {
        ($idle:expr) => {
            $idle.wait(std::time::Duration::from_secs(20)).map(Option::unwrap)
        };
    }

    #[path = "cases.rs"]
    mod cases;
    #[path = "endings.rs"]
    mod endings;
    #[path = "reconnect.rs"]
    mod reconnect;
    #[path = "tokens.rs"]
    mod tokens;
}

#[path = "sessions"]
mod nonblocking {
    use xoauth::{imap::nonblocking as imap_sessions, smtp::nonblocking as smtp_sessions};

    macro_rules! wait {
        ($call:expr) => {
            $call.await
        };
    }
    macro_rules! run {
        ($case:block) => {
            e2e::runtime().block_on(async $case)
        };
    }
    macro_rules! news {
        ($idle:expr) => {
            $idle.next().await
        };
    }

    #[path = "cases.rs"]
    mod cases;
    #[path = "endings.rs"]
    mod endings;
    #[path = "reconnect.rs"]
    mod reconnect;
    #[path = "tokens.rs"]
    mod tokens;
}
