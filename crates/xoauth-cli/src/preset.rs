//! Providers, as `data/providers.json` describes them.

use serde_json::Value;

use crate::server::{Protection, Server};

/// The collection, with the source and the confidence of each fact.
const PROVIDERS: &str = include_str!("../data/providers.json");

/// What is known of a provider.
#[derive(Debug, Clone)]
pub(crate) struct Preset(Value);

impl Preset {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let collection: Value = serde_json::from_str(PROVIDERS).unwrap_or_default();
        let list = collection.get("providers").and_then(Value::as_array);
        list.map(|list| list.iter().cloned().map(Self).collect()).unwrap_or_default()
    }

    /// By identifier, address, or name of the domain, whose last part may be left out: `gmail`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let domain = name.rsplit('@').next().unwrap_or_default();
        let is_it = |preset: &Self| preset.id() == name || preset.has_domain(domain);
        let is_known_as = |preset: &Self| {
            let domains = preset.texts("/domains");
            domains
                .iter()
                .any(|domain| domain.split_once('.').is_some_and(|(first, _)| first == name))
        };
        let all = Self::all();
        all.iter().find(|one| is_it(one)).or(all.iter().find(|one| is_known_as(one))).cloned()
    }

    /// By one of its servers: `imap.gmail.com`, with a port or as a URL too.
    pub(crate) fn serving(server: &str) -> Option<Self> {
        let server = server.to_ascii_lowercase();
        let host = server.split_once("://").map_or(server.as_str(), |(_, host)| host);
        let host = host.split([':', '/']).next().unwrap_or_default().trim_end_matches('.');
        let serves = |preset: &Self| {
            let lists = ["/imap", "/smtp"].map(|list| preset.0.pointer(list));
            let mut servers = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
            servers.any(|one| one.get("host").and_then(Value::as_str) == Some(host))
        };
        Self::all().into_iter().find(serves)
    }

    pub(crate) fn id(&self) -> &str {
        self.text("/id").unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/name").unwrap_or_default()
    }

    fn has_domain(&self, domain: &str) -> bool {
        self.texts("/domains").iter().any(|known| known == domain)
    }

    /// The first server of a protocol: `imap` or `smtp`.
    pub(crate) fn server(&self, protocol: &str) -> Option<Server> {
        let first = self.0.get(protocol)?.get(0)?;
        let tls = match first.get("tls")?.as_str()? {
            "implicit" => Protection::Implicit,
            _ => Protection::StartTls,
        };
        let port = u16::try_from(first.get("port")?.as_u64()?).ok()?;
        Some(Server { host: first.get("host")?.as_str()?.to_owned(), port, tls })
    }

    /// The first mechanism to prefer.
    pub(crate) fn mechanism(&self) -> Option<String> {
        self.texts("/prefer").into_iter().next()
    }

    pub(crate) fn oauth2(&self, member: &str) -> Option<&str> {
        self.text(&format!("/oauth2/{member}"))
    }

    /// The scopes for reading and sending mail, and for a refresh token.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let mut scopes: Vec<String> = Vec::new();
        for use_case in ["imap", "smtp", "refresh"] {
            for scope in self.texts(&format!("/oauth2/scopes/{use_case}")) {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        scopes
    }

    pub(crate) fn client_credentials_scopes(&self) -> Vec<String> {
        self.texts("/oauth2/scopes_client_credentials")
    }

    /// Parameters that the authorization request needs.
    pub(crate) fn authorization_params(&self) -> Vec<(String, String)> {
        let members = self.0.pointer("/oauth2/authorization_params").and_then(Value::as_object);
        let members = members.into_iter().flatten();
        members
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    /// The host of a loopback redirect: some providers register `localhost`, others the address.
    pub(crate) fn redirect_host(&self) -> &'static str {
        let localhost =
            self.oauth2("redirect").is_some_and(|text| text.contains("http://localhost"));
        if localhost { "localhost" } else { "127.0.0.1" }
    }

    /// How sure the mechanisms of a protocol are.
    pub(crate) fn confidence(&self, protocol: &str) -> &str {
        self.text(&format!("/mechanisms/{protocol}/confidence")).unwrap_or("unknown")
    }

    /// What to say where the mechanisms of a protocol are hearsay, or nobody knows them.
    pub(crate) fn doubt(&self, protocol: &str) -> Option<String> {
        let confidence = self.confidence(protocol);
        let id = self.id();
        (!matches!(confidence, "observed" | "documented")).then(|| {
            format!("what is known of `{id}` is not sure ({confidence}): xoauth explain {id}")
        })
    }

    pub(crate) fn mechanisms(&self, protocol: &str) -> Vec<String> {
        self.texts(&format!("/mechanisms/{protocol}/value"))
    }

    /// What surprises: each quirk with its confidence.
    pub(crate) fn quirks(&self) -> Vec<(&str, &str)> {
        let list = self.0.get("quirks").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|entry| {
            let text = entry.get("value").and_then(Value::as_str)?;
            Some((text, entry.get("confidence").and_then(Value::as_str).unwrap_or("unknown")))
        })
        .collect()
    }

    /// The record as it is.
    pub(crate) fn record(&self) -> &Value {
        &self.0
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn texts(&self, pointer: &str) -> Vec<String> {
        let list = self.0.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_can_be_found_and_its_servers_be_read() {
        let all = Preset::all();
        assert!(all.len() >= 15);
        for preset in &all {
            assert_eq!(
                Preset::find(preset.id()).map(|found| found.id().to_owned()).as_deref(),
                Some(preset.id())
            );
            assert!(!preset.name().is_empty());
            for protocol in ["imap", "smtp"] {
                let listed = preset.record().pointer(&format!("/{protocol}/0")).is_some();
                assert_eq!(preset.server(protocol).is_some(), listed, "{}", preset.id());
            }
        }
    }

    #[test]
    fn the_two_large_providers_have_what_a_login_needs() {
        for (address, id, scopes) in
            [("ann@gmail.com", "google", 1), ("ann@outlook.com", "microsoft", 3)]
        {
            let preset = Preset::find(address).unwrap();
            assert_eq!(preset.id(), id);
            assert!(preset.oauth2("authorization_endpoint").unwrap().starts_with("https://"));
            assert!(preset.oauth2("token_endpoint").unwrap().starts_with("https://"));
            assert_eq!(preset.scopes().len(), scopes);
        }
        for (name, id) in [("gmail", "google"), ("Outlook", "microsoft"), ("hotmail", "microsoft")]
        {
            assert_eq!(Preset::find(name).unwrap().id(), id);
        }
        for name in ["", "mail@gmail", "gma", "gmail.", "com", "@"] {
            assert!(Preset::find(name).is_none(), "{name}");
        }
        for (server, id) in [
            ("imap.gmail.com", "google"),
            ("SMTP.Office365.com", "microsoft"),
            ("smtp-mail.outlook.com:587", "microsoft"),
            ("imaps://imap.gmail.com:993/", "google"),
            ("imappro.zoho.com.", "zoho"),
        ] {
            assert_eq!(Preset::serving(server).unwrap().id(), id);
        }
        for server in ["", "gmail.com", "imap.gmail.com.example", "a@imap.gmail.com", "://", ":"] {
            assert!(Preset::serving(server).is_none(), "{server}");
        }
        for protocol in ["imap", "smtp"] {
            assert_eq!(Preset::find("google").unwrap().doubt(protocol), None);
            let zoho = Preset::find("zoho").unwrap().doubt(protocol).unwrap();
            assert_eq!(zoho, "what is known of `zoho` is not sure (unknown): xoauth explain zoho");
            assert!(Preset::find("mailru").unwrap().doubt(protocol).is_some());
        }
        assert_eq!(Preset::find("google").unwrap().oauth2("device_authorization_endpoint"), None);
        assert_eq!(Preset::find("microsoft").unwrap().redirect_host(), "localhost");
    }
}
