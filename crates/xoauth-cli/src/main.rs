//! The `xoauth` command; everything is in the library of this package.

fn main() -> std::process::ExitCode {
    xoauth_cli::main()
}
