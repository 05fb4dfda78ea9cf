//! `mogr`: the local host and the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    mogr::cli::main()
}
