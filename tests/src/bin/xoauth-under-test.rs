//! The `xoauth` command as the tests of this package run it: cargo builds it together with them.

fn main() -> std::process::ExitCode {
    xoauth_cli::main()
}
