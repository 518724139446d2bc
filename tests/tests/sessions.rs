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
    /// The next change of a mailbox that is watched.
    macro_rules! change {
        ($watch:expr) => {
            $watch.wait(std::time::Duration::from_secs(20)).map(Option::unwrap)
        };
    }
    /// What makes connections in the clear by a builder, or fails.
    macro_rules! open {
        ($builder:expr) => {{
            let builder = $builder;
            move || Ok(builder.connect_plain()?.trust())
        }};
        (fails, $error:expr) => {
            || Err::<imap_sessions::Client<xoauth::net::TcpTransport>, _>($error())
        };
    }
    /// Several at a time do what each call of `make` gives.
    macro_rules! together {
        ($count:expr, $make:expr) => {
            std::thread::scope(|scope| {
                for _ in 0..$count {
                    let work = $make;
                    scope.spawn(work);
                }
            })
        };
    }
    macro_rules! work {
        ($work:block) => {
            $work
        };
    }
    /// A connection that the program makes, TLS over it, and a function that makes a client.
    macro_rules! dialled {
        ($port:expr) => {{
            let stream = std::net::TcpStream::connect(("127.0.0.1", $port)).unwrap();
            xoauth::net::TcpTransport::new(stream).unwrap()
        }};
    }
    macro_rules! shaken {
        ($tls:expr, $host:expr, $stream:expr) => {
            $tls.handshake($host, $stream)
        };
    }
    macro_rules! opening {
        ($open:block) => {
            || $open
        };
    }
    /// Something that may panic.
    macro_rules! alone {
        ($work:block) => {
            let _ = std::thread::spawn(move || $work).join();
        };
    }

    #[path = "cases.rs"]
    mod cases;
    #[path = "endings.rs"]
    mod endings;
    #[path = "over.rs"]
    mod over;
    #[path = "own_streams.rs"]
    mod own_streams;
    #[path = "pool.rs"]
    mod pool;
    #[path = "reconnect.rs"]
    mod reconnect;
    #[path = "renewals.rs"]
    mod renewals;
    #[path = "repeated.rs"]
    mod repeated;
    #[path = "surroundings.rs"]
    mod surroundings;
    #[path = "tokens.rs"]
    mod tokens;
    #[path = "waiting.rs"]
    mod waiting;
    #[path = "watch.rs"]
    mod watch;
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
    macro_rules! change {
        ($watch:expr) => {
            $watch.next().await
        };
    }
    macro_rules! open {
        ($builder:expr) => {{
            let builder = $builder;
            move || {
                let builder = builder.clone();
                async move { Ok(builder.connect_plain().await?.trust()) }
            }
        }};
        (fails, $error:expr) => {
            || async { Err::<imap_sessions::Client<tokio::net::TcpStream>, _>($error()) }
        };
    }
    macro_rules! together {
        ($count:expr, $make:expr) => {{
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..$count {
                let work = $make;
                tasks.spawn(work());
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        }};
    }
    macro_rules! work {
        ($work:block) => {
            async move { $work }
        };
    }
    macro_rules! dialled {
        ($port:expr) => {
            tokio::net::TcpStream::connect(("127.0.0.1", $port)).await.unwrap()
        };
    }
    macro_rules! shaken {
        ($tls:expr, $host:expr, $stream:expr) => {
            $tls.handshake_async($host, $stream).await
        };
    }
    macro_rules! opening {
        ($open:block) => {
            || async $open
        };
    }
    macro_rules! alone {
        ($work:block) => {
            let _ = tokio::spawn(async move { $work }).await;
        };
    }

    #[path = "cases.rs"]
    mod cases;
    #[path = "endings.rs"]
    mod endings;
    #[path = "over.rs"]
    mod over;
    #[path = "own_streams.rs"]
    mod own_streams;
    #[path = "pool.rs"]
    mod pool;
    #[path = "reconnect.rs"]
    mod reconnect;
    #[path = "renewals.rs"]
    mod renewals;
    #[path = "repeated.rs"]
    mod repeated;
    #[path = "surroundings.rs"]
    mod surroundings;
    #[path = "tokens.rs"]
    mod tokens;
    #[path = "watch.rs"]
    mod watch;
}

/// Both drivers at once.
#[path = "sessions/mixed.rs"]
mod mixed;
