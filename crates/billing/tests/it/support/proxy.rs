//! A way to Redis that can lose a reply: what was asked is done, and the answer
//! never arrives.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The way.
#[derive(Clone)]
pub(crate) struct Proxy {
    port: u16,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let proxy = Self { port: own, armed: Arc::default(), lost: Arc::default() };
        let way = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(way.clone().carry(client, port));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Loses the next reply.
    pub(crate) fn lose_one(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// How many were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }

    async fn carry(self, mut client: TcpStream, port: u16) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let (mut asked, mut answered) = ([0; 16 * 1024], [0; 16 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => match read {
                    Ok(n) if n > 0 => if server.write_all(&asked[..n]).await.is_err() { return },
                    _ => return,
                },
                read = server.read(&mut answered) => match read {
                    Ok(n) if n > 0 => {
                        // Checking a connection out of the pool is no decision.
                        let decision = !answered[..n].starts_with(b"$1\r\n") && !answered[..n].starts_with(b"+");
                        if decision && self.armed.swap(false, Ordering::SeqCst) {
                            self.lost.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        if client.write_all(&answered[..n]).await.is_err() { return }
                    }
                    _ => return,
                },
            }
        }
    }
}
