//! The command line: what may be asked, and who answers.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{explain, files, policy, serve, url};

/// Tencent COS's imageMogr2 on your own bucket or folder.
///
/// Without a command: copies sample pictures to ./data and serves them on 127.0.0.1:8080.
#[derive(Debug, Parser)]
#[command(name = "mogr", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve folders, or buckets on S3, over HTTP: all three modes on one port.
    Serve(serve::Arguments),
    /// Make an animated GIF from 2 to 20 JPG or PNG files.
    Animate(files::Animate),
    /// Make a JPG progressive (or baseline), losslessly; other pictures are encoded.
    Interlace(files::Interlace),
    /// Encode a picture as a JPG of a given quality.
    Encode(files::Encode),
    /// Print the request for a rule on stored pictures, signed if asked for.
    Url(url::Arguments),
    /// Explain what the service makes of a request: its signature, its rules, what the policies decide. Exit code 1: refused.
    Explain(explain::Explain),
    /// Work with policy documents.
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
}

#[derive(Debug, Subcommand)]
enum Policy {
    /// Read a policy document, and say what it decides. Exit code 1: denied, or refused as a document.
    Check(policy::Check),
}

/// Reads the arguments of this process and does what they ask.
///
/// Exit code 0: done; 1: it failed, with the reason on standard error; 2: the arguments make no sense.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        None => serve::serve(&serve::Arguments::default()),
        Some(Command::Serve(arguments)) => serve::serve(&arguments),
        Some(Command::Animate(arguments)) => arguments.run(),
        Some(Command::Interlace(arguments)) => arguments.run(),
        Some(Command::Encode(arguments)) => arguments.run(),
        Some(Command::Url(arguments)) => arguments.run(),
        Some(Command::Explain(arguments)) => arguments.run(),
        Some(Command::Policy {
            command: Policy::Check(arguments),
        }) => arguments.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = shared::causes::chain(&error);
            if !text.is_empty() {
                eprintln!("mogr: {text}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}
