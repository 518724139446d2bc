//! The account a verb works with: flags, environment, configuration and provider in one.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use xoauth::Secret;
use xoauth::sasl::SaslIr;
use xoauth::smtp::ReversePath;

use crate::Result;
use crate::args::Global;
use crate::config::{Config, Settings, directory, var};
use crate::failure::Failure;
use crate::preset::Preset;
use crate::secret::SecretRef;
use crate::server::Server;

/// The mechanisms, by the names users give.
pub(crate) const MECHANISMS: [&str; 4] = ["XOAUTH2", "OAUTHBEARER", "XOAUTH", "OAUTH10A"];

/// Everything that is known of an account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The name, and of the token store: the account it extends shares its tokens.
    pub(crate) name: String,
    pub(crate) store_name: String,
    /// Who signs in to get them: the user of that account, whatever the options say.
    pub(crate) owner: Option<String>,
    /// The configuration that tells of it; `None` where options are all there is.
    pub(crate) file: Option<PathBuf>,
    pub(crate) settings: Settings,
    pub(crate) preset: Option<Preset>,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) timeout: Option<Duration>,
    /// An access token given for this run.
    pub(crate) given_token: Option<SecretRef>,
    known_secret: OnceLock<Option<Secret>>,
}

impl Account {
    /// The account that the flags, the environment and the configuration name.
    pub(crate) fn resolve(global: &Global) -> Result<Self> {
        if global.user.as_ref().is_some_and(|user| user.chars().any(char::is_control)) {
            return Err(Failure::usage("--user has a control character"));
        }
        let config = Config::load(global)?;
        let named = global.account.clone().or_else(|| var("XOAUTH_ACCOUNT"));
        let ad_hoc = global.provider.is_some() || global.imap.is_some() || global.smtp.is_some();
        let only = match config.accounts.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        };
        let chosen = named.or_else(|| if ad_hoc { None } else { config.default.clone().or(only) });
        let mut settings = match &chosen {
            Some(name) => config.account(name)?.clone(),
            None => Settings::default(),
        };
        override_with_flags(&mut settings, global);
        let preset = match (&settings.provider, &settings.user) {
            (Some(id), _) => Some(Preset::find(id).ok_or_else(|| unknown_provider(&settings, id))?),
            // Without a server that was named, the address tells the provider.
            (None, Some(user)) if settings.imap.is_none() && settings.smtp.is_none() => {
                Preset::find(user)
            }
            _ => None,
        };
        if let Some(mechanism) = &settings.mechanism {
            let name = mechanism.to_ascii_uppercase();
            if !MECHANISMS.contains(&name.as_str()) {
                let what = format!("no mechanism `{mechanism}`");
                return Err(settings
                    .fault("mechanism", what)
                    .hint(format!("one of {}", MECHANISMS.join(", "))));
            }
            settings.mechanism = Some(name);
        }
        if let Some(name @ ("XOAUTH" | "OAUTH10A")) = settings.mechanism.as_deref()
            && global.access_token_file.is_some()
        {
            let message =
                format!("{name} signs with OAuth 1.0a, and has no use for --access-token-file");
            return Err(Failure::usage(message).hint("--mechanism XOAUTH2 or OAUTHBEARER"));
        }
        if chosen.is_none() && !ad_hoc && settings.user.is_none() && !config.accounts.is_empty() {
            let names: Vec<&str> = config.accounts.iter().map(|one| one.name.as_str()).collect();
            let message = format!("which account? {}", names.join(", "));
            return Err(Failure::config(message).hint("-a NAME, or `default` in the configuration"));
        }
        if chosen.is_none() && ad_hoc && settings.user.is_none() && !config.accounts.is_empty() {
            let message = "--provider, --imap and --smtp by themselves are an account of their own, and it has no user";
            return Err(Failure::config(message)
                .hint("-a NAME for one of the configuration on that server, or --user ADDRESS"));
        }
        let given_token = match global.access_token_file.as_deref() {
            Some("-") => Some(SecretRef::Stdin),
            Some(file) => Some(SecretRef::File(file.into())),
            None => {
                var("XOAUTH_ACCESS_TOKEN").map(|_| SecretRef::Env("XOAUTH_ACCESS_TOKEN".to_owned()))
            }
        };
        if chosen.is_none() && !ad_hoc && settings.user.is_none() && given_token.is_none() {
            return Err(nothing_configured(config.path));
        }
        let name = match &chosen {
            Some(name) => name.clone(),
            None => settings.user.as_deref().map_or_else(|| "ad-hoc".to_owned(), file_name),
        };
        let store_name = settings.extends.clone().unwrap_or_else(|| name.clone());
        let owner = match chosen {
            Some(_) => config.account(&store_name)?.user.clone(),
            None => settings.user.clone(),
        };
        Ok(Self {
            store_name,
            owner,
            name,
            file: config.path.filter(|_| chosen.is_some()),
            settings,
            preset,
            trace: global.trace.clone(),
            timeout: global.timeout.map(Duration::from_secs),
            given_token,
            known_secret: OnceLock::new(),
        })
    }

    /// A key that is needed and is not there.
    pub(crate) fn missing(&self, key: &str) -> Failure {
        self.settings.missing(&self.name, key)
    }

    /// What a verb that connects would find wrong, before anybody is asked for anything.
    pub(crate) fn judge(&self) -> Result<()> {
        for protocol in ["imap", "smtp"] {
            if self.has_server(protocol) {
                self.server(protocol)?;
            }
        }
        self.sasl_ir().map(drop)
    }

    /// The server of a protocol: `imap` or `smtp`.
    pub(crate) fn server(&self, protocol: &'static str) -> Result<Server> {
        let wrong = |why| self.settings.fault(protocol, why);
        match self.url(protocol) {
            Some(url) => {
                let server = Server::parse(protocol, url).map_err(wrong)?;
                match self.settings.insecure_plaintext {
                    Some(true) => server.without_tls().map_err(wrong),
                    _ => Ok(server),
                }
            }
            None => self.preset_server(protocol).ok_or_else(|| {
                self.missing(&format!("{protocol} server")).hint(format!(
                    "name one: --{protocol} {protocol}s://HOST, or a provider: --provider ID"
                ))
            }),
        }
    }

    /// Whether a server is named, rightly or not.
    pub(crate) fn has_server(&self, protocol: &'static str) -> bool {
        self.url(protocol).is_some() || self.preset_server(protocol).is_some()
    }

    fn url(&self, protocol: &str) -> Option<&str> {
        let settings = &self.settings;
        (if protocol == "imap" { &settings.imap } else { &settings.smtp }).as_deref()
    }

    fn preset_server(&self, protocol: &str) -> Option<Server> {
        self.preset.as_ref()?.server(protocol)
    }

    /// Who signs in to a protocol: the address of a shared mailbox may differ.
    pub(crate) fn user(&self, protocol: &str) -> Result<&str> {
        let own = match protocol {
            "imap" => &self.settings.imap_user,
            "smtp" => &self.settings.smtp_user,
            _ => &None,
        };
        own.as_deref().or(self.settings.user.as_deref()).ok_or_else(|| match &self.file {
            Some(_) => self.missing("user").hint("set `user` in the account, or --user ADDRESS"),
            None => Failure::config("no account and no user").hint(format!(
                "configure an account{}, or --user ADDRESS --access-token-file FILE",
                in_configuration()
            )),
        })
    }

    /// Who is to sign in, to get tokens that others who extend the account share.
    pub(crate) fn signs_in_as(&self) -> Option<&str> {
        self.owner.as_deref().or(self.settings.user.as_deref())
    }

    /// The sender of messages: a user need not have an address for a name.
    pub(crate) fn sender(&self) -> Result<Option<&str>> {
        let own = self.settings.from.as_ref().map(|from| ("from", from));
        match own.or(self.settings.user.as_ref().map(|user| ("user", user))) {
            Some((key, address)) => match address.parse::<ReversePath>() {
                Ok(_) => Ok(Some(address)),
                Err(error) => Err(self
                    .settings
                    .fault(key, error)
                    .hint("set `from` in the account, or -f ADDRESS")),
            },
            None => Ok(None),
        }
    }

    /// The mechanism that was chosen; never one that signs with OAuth 1.0a by itself.
    pub(crate) fn mechanism(&self) -> Option<String> {
        self.settings.mechanism.clone()
    }

    /// Whether the account signs with OAuth 1.0a.
    pub(crate) fn signs(&self) -> bool {
        matches!(self.settings.mechanism.as_deref(), Some("XOAUTH" | "OAUTH10A"))
    }

    pub(crate) fn sasl_ir(&self) -> Result<SaslIr> {
        match self.settings.sasl_ir.as_deref() {
            None | Some("auto") => Ok(SaslIr::Auto),
            Some("always") => Ok(SaslIr::Always),
            Some("never") => Ok(SaslIr::Never),
            Some(other) => {
                let what = format!("expected auto, always or never, found `{other}`");
                Err(self.settings.fault("sasl-ir", what))
            }
        }
    }

    /// An endpoint of OAuth 2: the account's own, or the provider's with the tenant in it.
    pub(crate) fn endpoint(&self, name: &str) -> Option<String> {
        let own = match name {
            "authorization_endpoint" => &self.settings.authorization_endpoint,
            "token_endpoint" => &self.settings.token_endpoint,
            _ => &self.settings.device_endpoint,
        };
        let known = || {
            let url = self.preset.as_ref()?.oauth2(name)?;
            Some(match &self.settings.tenant {
                Some(tenant) => url.replace("/common/", &format!("/{tenant}/")),
                None => url.to_owned(),
            })
        };
        own.clone().or_else(known)
    }

    pub(crate) fn scopes(&self) -> Vec<String> {
        let known = || self.preset.as_ref().map(Preset::scopes).unwrap_or_default();
        self.settings.scopes.clone().unwrap_or_else(known)
    }

    pub(crate) fn provider_id(&self) -> Option<&str> {
        self.preset.as_ref().map(Preset::id)
    }

    pub(crate) fn client_id(&self) -> Result<&str> {
        self.settings.client_id.as_deref().ok_or_else(|| {
            self.missing("client-id")
                .hint("register an application with the provider (docs/cli.md says where) and set `client-id` in the account")
        })
    }

    /// What to do where there is no token.
    pub(crate) fn how_to_sign_in(&self) -> String {
        match &self.file {
            Some(_) => format!("run: xoauth login -a {}", self.name),
            None => format!(
                "give a token with --access-token-file, or configure an account{} and run: xoauth login",
                in_configuration()
            ),
        }
    }

    /// Asked for once: a program may want a passphrase for it each time.
    pub(crate) fn client_secret(&self) -> Result<Option<Secret>> {
        if let Some(known) = self.known_secret.get() {
            return Ok(known.clone());
        }
        let source = self.settings.client_secret.as_ref();
        let secret = self.secret("XOAUTH_CLIENT_SECRET", source, "client-secret")?;
        Ok(self.known_secret.get_or_init(|| secret).clone())
    }

    pub(crate) fn consumer_secret(&self) -> Result<Option<Secret>> {
        self.secret(
            "XOAUTH_CONSUMER_SECRET",
            self.settings.consumer_secret.as_ref(),
            "consumer-secret",
        )
    }

    pub(crate) fn token_secret(&self) -> Result<Option<Secret>> {
        self.secret("XOAUTH_TOKEN_SECRET", self.settings.token_secret.as_ref(), "token-secret")
    }

    /// A secret of the environment, or the one that the configuration names.
    fn secret(
        &self,
        variable: &str,
        named: Option<&SecretRef>,
        key: &str,
    ) -> Result<Option<Secret>> {
        if var(variable).is_some() {
            return SecretRef::Env(variable.to_owned()).read(key).map(Some);
        }
        named.map(|named| named.read(&self.settings.place(key))).transpose()
    }
}

fn override_with_flags(settings: &mut Settings, global: &Global) {
    let Settings { provider, imap, smtp, mechanism, sasl_ir, places, .. } = settings;
    for (key, place, flag) in [
        ("provider", provider, &global.provider),
        ("imap", imap, &global.imap),
        ("smtp", smtp, &global.smtp),
        ("mechanism", mechanism, &global.mechanism),
        ("sasl-ir", sasl_ir, &global.sasl_ir),
    ] {
        if flag.is_some() {
            place.clone_from(flag);
            places.remove(key);
        }
    }
    if global.user.is_some() {
        settings.user.clone_from(&global.user);
        settings.imap_user = None;
        settings.smtp_user = None;
    }
    if global.ca_file.is_some() {
        settings.ca_file.clone_from(&global.ca_file);
        settings.places.remove("ca-file");
    }
    if global.insecure_plaintext {
        settings.insecure_plaintext = Some(true);
    }
}

fn unknown_provider(settings: &Settings, id: &str) -> Failure {
    let names: Vec<String> = Preset::all().iter().map(|preset| preset.id().to_owned()).collect();
    let what = format!("no provider `{id}`");
    settings.fault("provider", what).hint(format!("one of {}", names.join(", ")))
}

/// ` in FILE`, where there is a place for one.
fn in_configuration() -> String {
    let path = directory("XDG_CONFIG_HOME", ".config").map(|path| path.join("config.toml"));
    path.map_or_else(String::new, |path| format!(" in {}", path.display()))
}

/// Neither options nor a configuration tell of an account.
fn nothing_configured(read: Option<PathBuf>) -> Failure {
    let missing = directory("XDG_CONFIG_HOME", ".config").map(|path| path.join("config.toml"));
    let message = match (read, missing) {
        (Some(path), _) => format!("{}: there is no account", path.display()),
        (None, Some(path)) => format!("no configuration: {} does not exist", path.display()),
        (None, None) => "no configuration: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
    };
    Failure::config(message).hint(
        "docs/cli.md shows one, and `cargo xtask dist` writes a sample to target/dist; or without one: --user ADDRESS --access-token-file FILE",
    )
}

/// An address as the name of a file.
fn file_name(user: &str) -> String {
    user.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "@.-_+".contains(c) { c } else { '_' })
        .collect()
}
