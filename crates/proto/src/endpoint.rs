//! A gRPC destination that follows DNS: every address behind a host name (a
//! headless Kubernetes service) is probed, those that accept a connection take
//! part in the balancing, those that stop accepting are dropped.
//!
//! tonic's balancer keeps endpoints that are dead for as long as nobody removes
//! them, and waits for ever when it has none. Hence the probing, and the count
//! of live endpoints that turns «none» into an error at once.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    sync::mpsc,
    time::{sleep, timeout},
};
use tonic::transport::{Channel, Uri, channel::Change};

use crate::{ErrorCode, ServiceError};

const PROBE_EVERY: Duration = Duration::from_secs(2);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A destination that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text is no `http://host:port`.
    #[error("'{0}' is not an address of the form http://host:port")]
    Invalid(String),
}

/// A balanced channel and the number of addresses behind it that answer.
#[derive(Debug, Clone)]
pub struct Endpoint {
    channel: Channel,
    live: Arc<AtomicUsize>,
}

impl Endpoint {
    /// Starts following `http://host:port`. The first probe runs in the
    /// background; until it succeeds the endpoint has no live address.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EndpointError::Invalid`] where the text has no host or port.
    pub fn follow(address: &str) -> Result<Self, EndpointError> {
        let invalid = || EndpointError::Invalid(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| invalid())?;
        let host = uri.host().ok_or_else(invalid)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().ok_or_else(invalid)?;
        let (channel, changes) = Channel::balance_channel(64);
        let live = Arc::new(AtomicUsize::new(0));
        let follower =
            Follower { host, port, changes, live: Arc::clone(&live), known: HashSet::new() };
        tokio::spawn(follower.run());
        Ok(Self { channel, live })
    }

    /// The channel, as long as anything answers behind it.
    pub(crate) fn channel(&self) -> Result<Channel, ServiceError> {
        if self.live.load(Ordering::Relaxed) == 0 {
            return Err(ServiceError::new(ErrorCode::Unavailable, "no instance answers")
                .retry_after(RETRY_AFTER));
        }
        Ok(self.channel.clone())
    }

    /// How many addresses answered the last probe.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

struct Follower {
    host: String,
    port: u16,
    changes: mpsc::Sender<Change<SocketAddr, tonic::transport::Endpoint>>,
    live: Arc<AtomicUsize>,
    known: HashSet<SocketAddr>,
}

impl Follower {
    /// Probes until the last clone of the channel is gone.
    async fn run(mut self) {
        while !self.changes.is_closed() {
            let answering = answering(&self.host, self.port).await;
            if self.apply(answering).await.is_err() {
                return;
            }
            // While nothing answers, look more often: a service that starts
            // beside this one is found within a moment.
            sleep(if self.known.is_empty() { PROBE_EVERY / 10 } else { PROBE_EVERY }).await;
        }
    }

    async fn apply(
        &mut self,
        answering: HashSet<SocketAddr>,
    ) -> Result<(), mpsc::error::SendError<Change<SocketAddr, tonic::transport::Endpoint>>> {
        for gone in self.known.difference(&answering) {
            tracing::info!(address = %gone, "endpoint stopped answering");
            self.changes.send(Change::Remove(*gone)).await?;
        }
        for new in answering.difference(&self.known) {
            tracing::info!(address = %new, "endpoint answers");
            self.changes.send(Change::Insert(*new, endpoint(*new))).await?;
        }
        self.live.store(answering.len(), Ordering::Relaxed);
        self.known = answering;
        Ok(())
    }
}

fn endpoint(address: SocketAddr) -> tonic::transport::Endpoint {
    Channel::builder(uri(address))
        .connect_timeout(PROBE_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
}

fn uri(address: SocketAddr) -> Uri {
    Uri::builder()
        .scheme("http")
        .authority(address.to_string())
        .path_and_query("/")
        .build()
        .expect("a socket address is a valid authority")
}

async fn answering(host: &str, port: u16) -> HashSet<SocketAddr> {
    let addresses: Vec<SocketAddr> = match timeout(PROBE_TIMEOUT, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        _ => Vec::new(),
    };
    let probes = addresses.into_iter().map(|address| async move {
        let open = timeout(PROBE_TIMEOUT, TcpStream::connect(address)).await;
        matches!(open, Ok(Ok(_))).then_some(address)
    });
    futures_util::future::join_all(probes).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_without_a_port_is_refused() {
        assert!(Endpoint::follow("http://worker").is_err());
        assert!(Endpoint::follow("worker:").is_err());
    }

    #[tokio::test]
    async fn endpoints_come_and_go() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let endpoint = Endpoint::follow(&format!("http://{address}")).expect("valid");
        assert_eq!(endpoint.channel().expect_err("not probed yet").code, ErrorCode::Unavailable);
        wait_for(&endpoint, 1).await;
        drop(listener);
        wait_for(&endpoint, 0).await;
    }

    async fn wait_for(endpoint: &Endpoint, live: usize) {
        for _ in 0..100 {
            if endpoint.live() == live {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("never {live} live endpoints");
    }
}
