#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod api;
mod app;
mod body;
mod error;
mod guard;
pub mod input;
mod lane;
mod limits;
mod mistakes;
mod models;
mod options;
mod page;
mod patience;
mod plane;
mod reply;
mod runs;
mod server;

pub use error::ServeError;
pub use limits::Limits;
pub use options::{CommandLine, Options};
pub use reply::Refusal;
pub use server::Server;

use nopropdt_train::registry::Registry;
use std::io::{self, Write};
use std::panic;

/// Serves until SIGINT or SIGTERM, then finishes what is under way. Models and runs may use every name of `registry`, own blocks among them.
///
/// # Errors
/// [`ServeError`]: when a file or folder that `options` name is not there or can't be used, or the address can't be listened on.
pub fn run(registry: Registry, options: &Options) -> Result<(), ServeError> {
    // A decoder's panic becomes an error about the picture, which is one line.
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !nopropdt_data::is_decoding() {
            print(panic);
        }
    }));
    let server = Server::bind(registry, options, Limits::default())?;
    // Whoever started it may have closed its output already.
    match writeln!(io::stdout(), "nopropdt-serve: http://{}/", server.address()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(ServeError::Output(error)),
        _ => {}
    }
    server.run_until_signal()
}
