//! What a request may take.

use std::time::Duration;

/// What requests may take, all together and each alone.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body: usize,
    /// Pixels of a picture before it is scaled; decoding takes up to 8 bytes for each.
    pub pixels: u64,
    /// Draws of the noise of one answer.
    pub draws: u64,
    /// Connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Time for a request's head, and that a connection may be idle.
    pub head_time: Duration,
    /// Time for a body.
    pub body_time: Duration,
    /// Time for an answer, from its place in the queue on.
    pub answer_time: Duration,
    /// Time in which the other end must take some of an answer that is sent to it.
    pub read_time: Duration,
    /// Time that a connection may last, whatever its other end does.
    pub connection_time: Duration,
    /// Time that requests under way have once the server is to stop.
    pub stop_time: Duration,
    /// Images of a run that are answered to find the wrong ones.
    pub images: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            body: 8 << 20,
            pixels: 1 << 24,
            draws: 50,
            connections: 512,
            head_time: seconds(10),
            body_time: seconds(10),
            answer_time: seconds(60),
            read_time: seconds(10),
            connection_time: seconds(600),
            stop_time: seconds(10),
            images: 10_000,
        }
    }
}
