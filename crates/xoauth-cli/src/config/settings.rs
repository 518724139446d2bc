//! One account as the file has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::secret::SecretRef;

/// What the file says of an account. What it leaves out comes from the provider.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) extends: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) imap_user: Option<String>,
    pub(crate) smtp_user: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) imap: Option<String>,
    pub(crate) smtp: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) insecure_plaintext: Option<bool>,
    pub(crate) mechanism: Option<String>,
    pub(crate) sasl_ir: Option<String>,
    // OAuth 2
    pub(crate) tenant: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretRef>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) device_endpoint: Option<String>,
    pub(crate) access_token: Option<SecretRef>,
    // OAuth 1.0a
    pub(crate) consumer_key: Option<String>,
    pub(crate) consumer_secret: Option<SecretRef>,
    pub(crate) token: Option<String>,
    pub(crate) token_secret: Option<SecretRef>,
    pub(crate) imap_url: Option<String>,
    pub(crate) smtp_url: Option<String>,
    pub(crate) request_token_endpoint: Option<String>,
    pub(crate) authorize_endpoint: Option<String>,
    pub(crate) access_token_endpoint: Option<String>,
    pub(crate) store: StoreCommands,
    /// Where the file says it: file, line and full name of each key; of the account itself by the empty key.
    pub(crate) places: BTreeMap<String, String>,
}

/// Commands that keep the tokens elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreCommands {
    pub(crate) read: Option<SecretRef>,
    pub(crate) write: Option<SecretRef>,
}

impl Settings {
    /// A key, with file and line where it was read there and not given as an option.
    pub(crate) fn place(&self, key: &str) -> String {
        self.places.get(key).cloned().unwrap_or_else(|| format!("`{key}`"))
    }

    /// What is wrong with the value of a key.
    pub(crate) fn fault(&self, key: &str, what: impl std::fmt::Display) -> Failure {
        Failure::config(format!("{}: {what}", self.place(key)))
    }

    /// What is missing, with the place of the account where it is in a file.
    pub(crate) fn missing(&self, account: &str, what: &str) -> Failure {
        Failure::config(match self.places.get("") {
            Some(place) => format!("{place}: has no {what}"),
            None => format!("account `{account}` has no {what}"),
        })
    }

    pub(super) fn has_inline_secret(&self) -> bool {
        let secrets =
            [&self.client_secret, &self.access_token, &self.consumer_secret, &self.token_secret];
        secrets.into_iter().any(|secret| matches!(secret, Some(SecretRef::Inline(_))))
    }

    /// This account, with what it leaves out from another.
    pub(crate) fn over(mut self, base: &Self) -> Self {
        macro_rules! inherit {
            ($($field:ident),*) => {$(
                if self.$field.is_none() { self.$field = base.$field.clone(); }
            )*};
        }
        inherit!(
            provider,
            user,
            imap_user,
            smtp_user,
            from,
            imap,
            smtp,
            ca_file,
            insecure_plaintext,
            mechanism,
            sasl_ir,
            tenant,
            client_id,
            client_secret,
            scopes,
            authorization_endpoint,
            token_endpoint,
            device_endpoint,
            access_token,
            consumer_key,
            consumer_secret,
            token,
            token_secret,
            imap_url,
            smtp_url,
            request_token_endpoint,
            authorize_endpoint,
            access_token_endpoint
        );
        if self.store.read.is_none() && self.store.write.is_none() {
            self.store = base.store.clone();
        }
        for (key, place) in &base.places {
            self.places.entry(key.clone()).or_insert_with(|| place.clone());
        }
        self
    }
}
