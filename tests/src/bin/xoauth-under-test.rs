//! The `xoauth` command as the tests of this package run it: cargo builds it together with them. Where `XOAUTH_TEST_PEAK`
//! names a file, the most that was on the heap at once is written there, in octets.

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    let code = xoauth_cli::main();
    if let Some(path) = std::env::var_os("XOAUTH_TEST_PEAK") {
        if std::fs::write(path, HEAP.peak_usage().to_string()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    code
}
