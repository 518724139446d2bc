//! Where the tests take OpenSSL from.

use std::env;
use std::path::Path;

use crate::Result;
use crate::command::answers;

/// The features that build OpenSSL from source, where no system one is found.
///
/// The e2e package needs OpenSSL on every system; `xoauth` alone only where native-tls uses it.
pub(crate) fn workspace_features() -> Result<Vec<&'static str>> {
    features_of("e2e/vendored")
}

/// As [`workspace_features`], for a call that builds `xoauth` without the e2e package.
pub(crate) fn library_features() -> Result<Vec<&'static str>> {
    let uses_openssl = !cfg!(any(windows, target_vendor = "apple"));
    if uses_openssl { features_of("xoauth/vendored") } else { Ok(Vec::new()) }
}

/// One line that says which OpenSSL is used.
pub(crate) fn choice() -> &'static str {
    if system_has_it() {
        "OpenSSL: the system's"
    } else {
        "OpenSSL: none found on this system, building one from source (a few minutes, once)"
    }
}

fn features_of(vendored: &'static str) -> Result<Vec<&'static str>> {
    if system_has_it() {
        return Ok(Vec::new());
    }
    for tool in ["perl", "make"] {
        if !cfg!(windows) && !answers(tool, &["--version"]) {
            return Err(format!(
                "no system OpenSSL was found, and building one needs `{tool}`: install \
                 libssl-dev and pkg-config (or openssl-devel), or `{tool}`"
            )
            .into());
        }
    }
    Ok(vec![vendored])
}

/// Looks where the build script of `openssl-sys` looks. It asks pkg-config on Linux, so headers
/// in /usr/include help only where that is how the system keeps its own library.
fn system_has_it() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("OPENSSL_DIR") || (set("OPENSSL_LIB_DIR") && set("OPENSSL_INCLUDE_DIR")) {
        return true;
    }
    let pkg_config = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    if answers(&pkg_config, &["--exists", "openssl"]) {
        return true;
    }
    let places: &[&str] = if cfg!(target_os = "macos") {
        &[
            "/opt/homebrew/opt/openssl@3",
            "/usr/local/opt/openssl@3",
            "/opt/pkg/include/openssl",
            "/opt/local/include/openssl",
        ]
    } else if cfg!(any(target_os = "freebsd", target_os = "openbsd")) {
        &["/usr/include/openssl"]
    } else {
        &[]
    };
    places.iter().any(|place| Path::new(place).exists())
}
