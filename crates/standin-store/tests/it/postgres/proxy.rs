//! A network between a store and its server, which does as it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use standin_store::postgres::testing::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to the next COMMIT, or ROLLBACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes through.
    None = 0,
    /// The connection is cut before it reaches the server.
    CutBefore = 1,
    /// The connection is cut when the server has answered it.
    CutAfter = 2,
    /// The same, and nothing is let through any more.
    CutAfterForGood = 3,
    /// A ROLLBACK is lost on its way, and the connection stands.
    LoseRollback = 4,
}

pub(super) struct Proxy {
    address: SocketAddr,
    fate: Arc<AtomicU8>,
    texts: Arc<AtomicUsize>,
    gone: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    #[expect(clippy::disallowed_methods, reason = "the task is aborted when the proxy is dropped")]
    pub(super) async fn start(database: &Database) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fate, gone) = (Arc::new(AtomicU8::new(0)), watch::Sender::new(false));
        let (server, ours, is_gone) = (database.address(), Arc::clone(&fate), gone.clone());
        let texts = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&texts);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !*is_gone.borrow() {
                    let server = TcpStream::connect(server).await.unwrap();
                    let counted = Arc::clone(&counted);
                    tokio::spawn(relay(
                        client,
                        server,
                        Arc::clone(&ours),
                        counted,
                        is_gone.clone(),
                    ));
                }
            }
        });
        Self { address, fate, texts, gone, task }
    }

    /// The URL of the database behind it.
    pub(super) fn url(&self, database: &Database) -> String {
        format!("{}&sslmode=disable", database.url_at(self.address))
    }

    /// What happens to the next COMMIT, or ROLLBACK.
    pub(super) fn next_commit(&self, fate: Fate) {
        self.fate.store(fate as u8, Ordering::SeqCst);
    }

    /// Whether it has happened.
    pub(super) fn has_happened(&self) -> bool {
        self.fate.load(Ordering::SeqCst) == Fate::None as u8
    }

    /// How often the text of a statement that reads grants went through.
    pub(super) fn texts(&self) -> usize {
        self.texts.load(Ordering::SeqCst)
    }

    /// Lets everything through again.
    pub(super) fn heal(&self) {
        self.gone.send_replace(false);
    }
}

/// Ends, and so closes both sides, when one of them does or when it is time to.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    fate: Arc<AtomicU8>,
    texts: Arc<AtomicUsize>,
    gone: watch::Sender<bool>,
) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_gone = gone.subscribe();
    loop {
        tokio::select! {
            () = until_gone(&mut is_gone) => return,
            read = server.read(&mut down) => match read {
                Ok(length @ 1..) => client.write_all(&down[..length]).await.unwrap_or(()),
                _ => return,
            },
            read = client.read(&mut up) => match read {
                Ok(length @ 1..) if is_lost(&up[..length], &fate) => {
                    fate.store(Fate::None as u8, Ordering::SeqCst);
                }
                Ok(length @ 1..) if is_commit(&up[..length]) => {
                    let decided = fate.swap(Fate::None as u8, Ordering::SeqCst);
                    if decided == Fate::CutBefore as u8 {
                        return;
                    }
                    server.write_all(&up[..length]).await.unwrap();
                    if decided != Fate::None as u8 {
                        until_answered(&mut server).await;
                        gone.send_replace(decided == Fate::CutAfterForGood as u8);
                        return;
                    }
                }
                Ok(length @ 1..) => {
                    texts.fetch_add(texts_in(&up[..length]), Ordering::SeqCst);
                    server.write_all(&up[..length]).await.unwrap_or(());
                }
                _ => return,
            },
        }
    }
}

async fn until_gone(is_gone: &mut watch::Receiver<bool>) {
    drop(is_gone.wait_for(|gone| *gone).await);
}

fn texts_in(bytes: &[u8]) -> usize {
    bytes.windows(11).filter(|window| *window == b"FROM grants").count()
}

fn is_commit(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|window| window == b"COMMIT\0")
}

fn is_lost(bytes: &[u8], fate: &AtomicU8) -> bool {
    let is_rollback = bytes.windows(9).any(|window| window == b"ROLLBACK\0");
    is_rollback && fate.load(Ordering::SeqCst) == Fate::LoseRollback as u8
}

/// Until the server says that it has committed.
async fn until_answered(server: &mut TcpStream) {
    let (mut answer, mut read) = (Vec::new(), [0; 4_096]);
    while !is_commit(&answer) {
        match server.read(&mut read).await {
            Ok(length @ 1..) => answer.extend_from_slice(&read[..length]),
            _ => return,
        }
    }
}
