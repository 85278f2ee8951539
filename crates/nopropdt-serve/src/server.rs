//! Connections: taken, bounded in number and time, and ended in order.

use crate::api;
use crate::app::App;
use crate::error::ServeError;
use crate::limits::Limits;
use crate::options::Options;
use crate::patience::Patient;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use nopropdt_train::registry::Registry;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Threads that speak with clients; they compute nothing.
const SPEAKERS: usize = 2;
/// Rest after a connection could not be taken, as when the process has no file left to open.
const REST: Duration = Duration::from_millis(50);
/// Connections that wait in the system's queue.
const MOST_WAITING: u32 = 1024;
/// Bytes of a request's head, and of what is read ahead of a body.
const MOST_AHEAD: usize = 64 << 10;

/// A server that listens, and answers once it is run.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

impl Server {
    /// Listens as `options` say. Models and runs may use every name of `registry`.
    ///
    /// # Errors
    /// [`ServeError`]: when a file or folder that `options` name is not there or can't be used, or the address can't be listened on.
    pub fn bind(registry: Registry, options: &Options, limits: Limits) -> Result<Self, ServeError> {
        let app = Arc::new(App::new(registry, options, limits)?);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(SPEAKERS).max_blocking_threads(app.blocking_threads());
        let runtime = builder.enable_all().build().map_err(ServeError::System)?;
        let wanted = SocketAddr::new(options.host, options.port);
        let failed = |reason| ServeError::Listen { address: wanted.to_string(), reason };
        let inside = runtime.enter();
        let listener = listen(wanted).map_err(failed)?;
        drop(inside);
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { runtime, listener, address, app })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until SIGINT or SIGTERM comes, then finishes what is under way; a second signal does not wait for that.
    ///
    /// # Errors
    /// [`ServeError::System`].
    pub fn run_until_signal(self) -> Result<(), ServeError> {
        let come = Arc::new(Semaphore::new(0));
        self.runtime.block_on(signals::counted(Arc::clone(&come))).map_err(ServeError::System)?;
        let one = || async {
            // Closed by nobody, so it is there as soon as a signal is.
            if let Ok(signal) = come.acquire().await {
                signal.forget();
            }
        };
        self.run(one(), one());
        Ok(())
    }

    /// Answers until `stop` is there, then finishes what is under way.
    pub fn run_until(self, stop: impl Future<Output = ()>) {
        self.run(stop, std::future::pending());
    }

    fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let Self { runtime, listener, app, .. } = self;
        let limits = app.limits.clone();
        let router = api::router(app);
        runtime.block_on(async {
            let connections = take_connections(&listener, router, &limits, stop).await;
            drop(listener);
            let ended = pin!(timeout(limits.stop_time, connections.shutdown()));
            let hurry = pin!(hurry);
            tokio::select! {
                _ = ended => {}
                () = hurry => {}
            }
        });
        // What still computes for somebody that was let go is not waited for.
        runtime.shutdown_background();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port that was left a moment ago can be taken again. Elsewhere this would let two programs have one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(MOST_WAITING)
}

/// Takes connections until `stop` is there; those that are left are to be shut down.
async fn take_connections(
    listener: &TcpListener,
    router: Router,
    limits: &Limits,
    stop: impl Future<Output = ()>,
) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(limits.connections));
    let mut stop = pin!(stop);
    loop {
        let place = Arc::clone(&free).acquire_owned();
        let next = async {
            let place = place.await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => return connections,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            sleep(REST).await;
            continue;
        };
        let connection = connections.watch(connection(stream, router.clone(), limits));
        let time = limits.connection_time;
        tokio::spawn(async move {
            // Whatever ended it, its other end knows.
            drop(timeout(time, connection).await);
            drop(place);
        });
    }
}

type Connection = http1::Connection<TokioIo<Patient<TcpStream>>, TowerToHyperService<Router>>;

/// One connection. hyper refuses a head that is too long or no HTTP, and closes one whose head does not come in time.
fn connection(stream: TcpStream, router: Router, limits: &Limits) -> Connection {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(MOST_AHEAD)
        .serve_connection(
            TokioIo::new(Patient::new(stream, limits.read_time)),
            TowerToHyperService::new(router),
        )
}

/// Signals that ask the server to stop.
mod signals {
    use std::io;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    /// Adds a permit for each signal that comes from now on.
    #[cfg(unix)]
    pub(super) async fn counted(come: Arc<Semaphore>) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let (mut signal, come) = (signal(kind)?, Arc::clone(&come));
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    come.add_permits(1);
                }
            });
        }
        Ok(())
    }

    /// Adds a permit for each Ctrl-C that comes from now on.
    #[cfg(not(unix))]
    pub(super) async fn counted(come: Arc<Semaphore>) -> io::Result<()> {
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                come.add_permits(1);
            }
        });
        Ok(())
    }
}
