//! Where access tokens come from.

use std::fmt;
use std::io::{self, Read};
#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use xoauth_sasl::Secret;

#[cfg(feature = "tokio")]
use super::renewals::Turn;
use crate::Error;

/// What a source of tokens is asked.
///
/// ```
/// use xoauth::{Ask, Renew, Secret, TokenFailed, TokenSource};
///
/// let source = |ask: &Ask| Ok::<_, TokenFailed>(Secret::new(format!("token of {}", ask.user)));
/// let mut ask = Ask::new("ann@example.com");
/// assert_eq!(source.token(&ask)?.expose(), "token of ann@example.com");
/// ask.renew = Renew::Force;
/// # Ok::<(), TokenFailed>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ask {
    /// Whose token.
    pub user: String,
    /// Whether a token the source still holds will do.
    pub renew: Renew,
    /// What the server said of the token before, where it refused one, or ended a session because it died.
    pub refusal: Option<Arc<Error>>,
}

impl Ask {
    /// A token of this user that is still good: for tests of a source of one's own.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into(), renew: Renew::IfExpired, refusal: None }
    }
}

/// Whether a token that the source still holds will do. There is no third wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// A token that is still good by the source's own judgement.
    IfExpired,
    /// A new one: the server refused what the source gave last, however good it looks.
    Force,
}

/// Why a source gave no token.
pub type TokenFailed = Box<dyn std::error::Error + Send + Sync>;

/// Where access tokens come from: asked at each connect, and once more where the server refuses a token as
/// such.
///
/// A closure is one: `|ask: &Ask| Ok::<_, TokenFailed>(Secret::new("…"))`, and so is a source in an [`Arc`], which async sessions
/// need of one that cannot be cloned. It may take its time; async sessions run it on a thread for blocking work.
pub trait TokenSource: Send + Sync {
    /// A token for `ask.user`.
    ///
    /// # Errors
    /// Why it has no token: passed on as [`Error::Token`]. One that holds [`TokenUnavailable`], [`TokenCommandOverdue`] or an
    /// [`io::Error`] of a network that does not answer [is transient](Error::is_transient), and asked again by what opens
    /// sessions again.
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed>;

    /// Whether it can give another token than the one before. Where it cannot, it is not asked again, and the server's
    /// refusal stands.
    fn can_renew(&self) -> bool {
        true
    }
}

impl<F: Fn(&Ask) -> Result<Secret, TokenFailed> + Send + Sync> TokenSource for F {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        self(ask)
    }
}

impl<S: TokenSource + ?Sized> TokenSource for Arc<S> {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        (**self).token(ask)
    }

    fn can_renew(&self) -> bool {
        (**self).can_renew()
    }
}

/// One token, as long as it lasts: it cannot be renewed.
#[derive(Debug, Clone)]
pub struct Fixed(Secret);

impl Fixed {
    /// This token.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self(token.into())
    }
}

impl TokenSource for Fixed {
    fn token(&self, _: &Ask) -> Result<Secret, TokenFailed> {
        Ok(self.0.clone())
    }

    fn can_renew(&self) -> bool {
        false
    }
}

/// The first line a command prints: what `pass`, `secret-tool`, `oama`, `pizauth` and this project's own `xoauth token`
/// are made for.
///
/// The command is run anew each time, without a shell, its standard error left as it is. Where a new token is wanted
/// at all costs, the environment holds `XOAUTH_RENEW=force`; the user is in `XOAUTH_USER`. One that has not ended after
/// 60 seconds, or what [`TokenCommand::wait_at_most`] says, is killed: [`TokenCommandOverdue`]. One that ends with status 75
/// (`EX_TEMPFAIL`, as `xoauth token` does where the endpoint is down) has no token for now: [`TokenUnavailable`].
#[derive(Debug, Clone)]
pub struct TokenCommand {
    program: String,
    arguments: Vec<String>,
    limit: Duration,
}

impl TokenCommand {
    /// This program with these arguments.
    pub fn new<A: Into<String>>(
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, limit: Duration::from_secs(60) }
    }

    /// Waits so long for the command instead of 60 seconds: longer where it asks a person for a passphrase.
    #[must_use]
    pub fn wait_at_most(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Hears the command out. Its output is read on a thread of its own, which a process that the command left behind
    /// with its standard output may keep; nobody waits for that thread.
    fn hear(&self, child: &mut Child) -> Result<(Vec<u8>, ExitStatus), TokenFailed> {
        let overdue = || TokenCommandOverdue { program: self.program.clone(), limit: self.limit };
        let began = Instant::now();
        let (sender, receiver) = mpsc::channel();
        let output = child.stdout.take();
        thread::Builder::new().spawn(move || {
            let mut printed = Vec::new();
            let read = match output {
                Some(output) => output.take(LONGEST_OUTPUT).read_to_end(&mut printed),
                None => Ok(0),
            };
            // Whoever asked may have given up.
            let _ = sender.send(read.map(|_| printed));
        })?;
        let printed = receiver.recv_timeout(self.limit).map_err(|_| overdue())??;
        // It has closed its output, and ends now unless it is a strange one.
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((printed, status));
            }
            if began.elapsed() >= self.limit {
                return Err(overdue().into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Of `sysexits.h`: the same may work later.
const EX_TEMPFAIL: i32 = 75;

/// More than this is no token; a command that prints on finds its output closed.
const LONGEST_OUTPUT: u64 = 1 << 20;

impl TokenSource for TokenCommand {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("XOAUTH_USER", &ask.user).stdin(Stdio::null());
        match ask.renew {
            Renew::Force => command.env("XOAUTH_RENEW", "force"),
            // A source that is itself called by one inherits the other's wish.
            Renew::IfExpired => command.env_remove("XOAUTH_RENEW"),
        };
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command
            .spawn()
            .map_err(|error| format!("`{}` cannot be run: {error}", self.program))?;
        let heard = self.hear(&mut child);
        if heard.is_err() {
            // It may have ended meanwhile, which is as well.
            let _ = child.kill();
            let _ = child.wait();
        }
        let (printed, status) = heard?;
        let printed = String::from_utf8(printed).map(Secret::new);
        let printed = printed
            .map_err(|_| format!("`{}` printed something that is not UTF-8", self.program))?;
        if !status.success() {
            let failed = format!("`{}` ended with {status}", self.program);
            return Err(match status.code() {
                Some(EX_TEMPFAIL) => TokenUnavailable::new(failed).into(),
                _ => failed.into(),
            });
        }
        match printed.expose().lines().next().map(str::trim) {
            Some(token) if !token.is_empty() => Ok(Secret::new(token)),
            _ => Err(format!("`{}` printed no token", self.program).into()),
        }
    }
}

/// There is no token for now, and there may be one later: an endpoint is down, the network is away. For sources to say so.
#[derive(Debug)]
pub struct TokenUnavailable(TokenFailed);

impl TokenUnavailable {
    /// For this reason.
    pub fn new(reason: impl Into<TokenFailed>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for TokenUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TokenUnavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Whether what a source failed with passes, by that error itself or one of its causes.
pub(crate) fn may_come_later(error: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind as Kind;
    let mut next = Some(error);
    while let Some(error) = next {
        let of_io = error.downcast_ref::<io::Error>();
        let passes = of_io.is_some_and(|error| {
            matches!(
                error.kind(),
                Kind::TimedOut
                    | Kind::ConnectionRefused
                    | Kind::ConnectionReset
                    | Kind::ConnectionAborted
                    | Kind::HostUnreachable
                    | Kind::NetworkUnreachable
                    | Kind::NetworkDown
            )
        });
        if passes || error.is::<TokenUnavailable>() || error.is::<TokenCommandOverdue>() {
            return true;
        }
        // The source of an `io::Error` that holds another error is that one's own.
        next = match of_io.and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// A [`TokenCommand`] that had not ended when its time was over, and was killed. In [`Error::Token`] as the source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCommandOverdue {
    /// The program.
    pub program: String,
    /// How long it was waited for.
    pub limit: Duration,
}

impl fmt::Display for TokenCommandOverdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` gave no token within {:?}, and was ended", self.program, self.limit)
    }
}

impl std::error::Error for TokenCommandOverdue {}

/// No source: a mechanism that was named carries its own credentials.
#[derive(Debug, Clone, Copy)]
pub enum Named {}

impl TokenSource for Named {
    fn token(&self, _: &Ask) -> Result<Secret, TokenFailed> {
        match *self {}
    }
}

/// Where async sessions get tokens from: every [`TokenSource`] that can be cloned, and [`Awaited`] futures.
#[cfg(feature = "tokio")]
pub trait AsyncTokenSource: Send + Sync {
    /// A token for `ask.user`.
    fn token(&self, ask: Ask) -> impl Future<Output = Result<Secret, TokenFailed>> + Send;

    /// As [`TokenSource::can_renew`].
    fn can_renew(&self) -> bool {
        true
    }

    /// A token for all who share it: the turn goes where the work does.
    #[doc(hidden)]
    fn renew(
        &self,
        ask: Ask,
        turn: Turn,
    ) -> impl Future<Output = Result<Secret, TokenFailed>> + Send {
        async move {
            let token = self.token(ask).await?;
            turn.end(&token);
            Ok(token)
        }
    }
}

#[cfg(feature = "tokio")]
impl<S: TokenSource + Clone + 'static> AsyncTokenSource for S {
    async fn token(&self, ask: Ask) -> Result<Secret, TokenFailed> {
        let source = self.clone();
        tokio::task::spawn_blocking(move || TokenSource::token(&source, &ask)).await?
    }

    // A thread goes on where nobody waits for it any more, and so does its turn.
    async fn renew(&self, ask: Ask, turn: Turn) -> Result<Secret, TokenFailed> {
        let source = self.clone();
        let work = move || {
            let token = TokenSource::token(&source, &ask)?;
            turn.end(&token);
            Ok(token)
        };
        tokio::task::spawn_blocking(work).await?
    }

    fn can_renew(&self) -> bool {
        TokenSource::can_renew(self)
    }
}

/// An [`AsyncTokenSource`] whose type is lost.
#[cfg(feature = "tokio")]
pub(super) trait Awaitable: Send + Sync {
    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Asked> + Send + '_>>;

    fn renew(&self, ask: Ask, turn: Turn) -> Pin<Box<dyn Future<Output = Asked> + Send + '_>>;

    fn can_renew(&self) -> bool;
}

#[cfg(feature = "tokio")]
type Asked = Result<Secret, TokenFailed>;

#[cfg(feature = "tokio")]
impl<S: AsyncTokenSource> Awaitable for S {
    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Asked> + Send + '_>> {
        Box::pin(self.token(ask))
    }

    fn renew(&self, ask: Ask, turn: Turn) -> Pin<Box<dyn Future<Output = Asked> + Send + '_>> {
        Box::pin(AsyncTokenSource::renew(self, ask, turn))
    }

    fn can_renew(&self) -> bool {
        AsyncTokenSource::can_renew(self)
    }
}

/// An async closure as a source.
///
/// ```
/// use xoauth::{Ask, Awaited, Credentials, Renew, Secret, TokenFailed};
/// # async fn my_oauth(user: &str, anew: bool) -> std::io::Result<String> { Ok(format!("{user} {anew}")) }
///
/// let source = Awaited(|ask: Ask| async move {
///     let token = my_oauth(&ask.user, ask.renew == Renew::Force).await?;
///     Ok::<_, TokenFailed>(Secret::new(token))
/// });
/// let credentials = Credentials::bearer("ann@example.com", source);
/// ```
#[cfg(feature = "tokio")]
#[derive(Clone)]
pub struct Awaited<F>(pub F);

#[cfg(feature = "tokio")]
impl<F> fmt::Debug for Awaited<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Awaited(..)")
    }
}

#[cfg(feature = "tokio")]
impl<F, R> AsyncTokenSource for Awaited<F>
where
    F: Fn(Ask) -> R + Send + Sync,
    R: Future<Output = Result<Secret, TokenFailed>> + Send,
{
    async fn token(&self, ask: Ask) -> Result<Secret, TokenFailed> {
        (self.0)(ask).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let failed = |kind: io::ErrorKind| -> TokenFailed { io::Error::from(kind).into() };
        let overdue = TokenCommandOverdue { program: "pass".into(), limit: Duration::ZERO };
        let table: [(TokenFailed, bool); 6] = [
            ("no such account".into(), false),
            (failed(io::ErrorKind::NotFound), false),
            (failed(io::ErrorKind::ConnectionRefused), true),
            (io::Error::other(TokenUnavailable::new("busy")).into(), true),
            (TokenUnavailable::new("the endpoint is down").into(), true),
            (overdue.into(), true),
        ];
        for (source, passes) in table {
            let error = Error::Token { source, refusal: None };
            assert_eq!(error.is_transient(), passes, "{error:?}");
        }
        // A login that was refused is not tried again and again with the token that the source still holds.
        let refusal = Error::Sasl(xoauth_sasl::Error::Cancelled);
        let source = TokenUnavailable::new("busy").into();
        assert!(!Error::Token { source, refusal: Some(Arc::new(refusal)) }.is_transient());
        // Where a session was ended because its token died, none was refused since.
        let source = TokenUnavailable::new("busy").into();
        assert!(Error::Token { source, refusal: Some(Arc::new(Error::Ended)) }.is_transient());
    }

    #[test]
    fn a_shared_source_is_one() {
        struct Kept(Secret);
        impl TokenSource for Kept {
            fn token(&self, _: &Ask) -> Result<Secret, TokenFailed> {
                Ok(self.0.clone())
            }
            fn can_renew(&self) -> bool {
                false
            }
        }
        let shared = Arc::new(Kept(Secret::new("token")));
        assert!(!TokenSource::can_renew(&shared));
        let token = TokenSource::token(&shared, &Ask::new("ann@example.com")).unwrap();
        assert_eq!(token.expose(), "token");
    }
}
