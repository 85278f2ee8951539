//! The server over loopback, asked as programs ask it.

mod asking;
mod client;
mod hostile;
mod openapi;
mod runs;
mod stopping;
mod world;
