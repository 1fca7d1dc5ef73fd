//! A provider that cannot be reached, does not end, or is not who it says (faults D3 to D7), before the real service.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::world::{Person, World, code, stale, token_in};
use crate::nodes::{Cluster, Setup};

/// What happens to requests for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Nobody listens.
    Refused,
    /// It is accepted, and nothing comes.
    Silent,
    /// A byte each second.
    Dripping,
    /// Half of what was promised, and the connection is reset.
    Cut,
    /// It has no end.
    Endless,
    /// Its head has no end.
    EndlessHead,
    /// It says that it is compressed.
    Compressed,
    /// It is elsewhere.
    Redirected,
}

/// The way to the provider.
struct Relay {
    address: SocketAddr,
    /// Keeps the address from everybody else while nobody listens there.
    _held: TcpSocket,
    provider: Mutex<Option<SocketAddr>>,
    fault: Mutex<Fault>,
    /// How often a token was asked for while something was wrong.
    asked: AtomicUsize,
    /// Connections that are open.
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    fn start() -> Arc<Self> {
        let held = bound("127.0.0.1:0".parse().unwrap());
        let address = held.local_addr().unwrap();
        let relay = Arc::new(Self {
            address,
            _held: held,
            provider: Mutex::default(),
            fault: Mutex::new(Fault::None),
            asked: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        relay.listen();
        relay
    }

    fn listen(self: &Arc<Self>) {
        let (relay, listener) = (Arc::clone(self), listening(self.address));
        thread::Builder::new()
            .spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if *relay.fault.lock().unwrap() == Fault::Refused {
                        return;
                    }
                    relay.open.lock().unwrap().push(client.try_clone().unwrap());
                    let relay = Arc::clone(&relay);
                    thread::Builder::new().spawn(move || drop(relay.serve(client))).unwrap();
                }
            })
            .unwrap();
    }

    /// From now on. Connections that are open are closed, so that nothing goes on in one of them.
    fn set(self: &Arc<Self>, fault: Fault) {
        let before = std::mem::replace(&mut *self.fault.lock().unwrap(), fault);
        for open in self.open.lock().unwrap().drain(..) {
            drop(open.shutdown(Shutdown::Both));
        }
        if fault == Fault::Refused {
            // Wakes whoever accepts, who then goes and takes the listener along.
            drop(TcpStream::connect(self.address));
            while TcpStream::connect(self.address).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        } else if before == Fault::Refused {
            self.listen();
        }
    }

    /// Each request is one piece: they are short.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let provider = self.provider.lock().unwrap().unwrap();
        let mut server = TcpStream::connect(provider)?;
        let (mut back, mut to) = (server.try_clone()?, client.try_clone()?);
        thread::Builder::new()
            .spawn(move || {
                drop(std::io::copy(&mut back, &mut to));
                drop(to.shutdown(Shutdown::Both));
            })
            .unwrap();
        let mut piece = vec![0; 65_536];
        loop {
            let length = client.read(&mut piece)?;
            if length == 0 {
                return server.shutdown(Shutdown::Both);
            }
            let fault = *self.fault.lock().unwrap();
            if fault != Fault::None && piece.starts_with(b"POST /token") {
                self.asked.fetch_add(1, Ordering::Relaxed);
                return self.go_wrong(&mut client, fault);
            }
            server.write_all(&piece[..length])?;
        }
    }

    fn go_wrong(&self, client: &mut TcpStream, fault: Fault) -> std::io::Result<()> {
        let head =
            |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}\r\n");
        match fault {
            Fault::None | Fault::Refused => Ok(()),
            Fault::Silent => client.read(&mut [0; 1]).map(drop),
            Fault::Dripping => {
                for byte in head("Content-Length: 9").bytes().cycle() {
                    client.write_all(&[byte])?;
                    thread::sleep(Duration::from_secs(1));
                }
                Ok(())
            }
            Fault::Cut => client
                .write_all(format!("{}{{\"access_", head("Content-Length: 500\r\n")).as_bytes()),
            Fault::Endless => {
                client.write_all(head("Content-Length: 5368709120\r\n").as_bytes())?;
                loop {
                    client.write_all(&[b' '; 8_192])?;
                }
            }
            Fault::EndlessHead => {
                client.write_all(b"HTTP/1.1 200 OK\r\n")?;
                for number in 0..1_000_000 {
                    client.write_all(format!("X-{number}: x\r\n").as_bytes())?;
                }
                Ok(())
            }
            Fault::Compressed => {
                let bomb = head("Content-Encoding: gzip\r\nContent-Length: 20\r\n");
                client.write_all(bomb.as_bytes())?;
                client.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\x01\0\0\0\x80\x90\xfe")
            }
            Fault::Redirected => {
                let elsewhere = format!(
                    "HTTP/1.1 307 Elsewhere\r\nLocation: http://{}/token\r\nContent-Length: 0\r\n\r\n",
                    self.address
                );
                client.write_all(elsewhere.as_bytes())
            }
        }
    }
}

/// At this address, which it shares with others of this process, and deaf.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn listening(address: SocketAddr) -> TcpListener {
    let listen = async { bound(address).listen(128)?.into_std() };
    let listener = Runtime::new().unwrap().block_on(listen).unwrap();
    listener.set_nonblocking(false).unwrap();
    listener
}

/// In KiB: what a service at work may take meanwhile, and a hundredth of what comes from a provider that does not end.
const LITTLE: usize = 32 << 10;

/// A service whose provider is behind the relay, and somebody who has a grant.
struct Behind {
    relay: Arc<Relay>,
    world: World,
    ada: Person,
    token: String,
}

impl Behind {
    fn start() -> Self {
        let relay = Relay::start();
        let origin = Some(format!("http://{}", relay.address));
        let cluster = Cluster::with(Setup { nodes: 0, origin, ..Setup::default() });
        *relay.provider.lock().unwrap() = Some(cluster.emulator.address());
        let mut world = World::over(cluster);
        world.start(&[]);
        let ada = world.sign_in(0, "ada@example.com");
        let token = world.refresh(0, &ada);
        Self { relay, world, ada, token }
    }

    /// It is passing, and costs nothing: tokens that live are vended, and as soon as it is over a new one is to be had.
    fn passes(&mut self, fault: Fault) {
        let (before, memory) = (self.relay.asked.load(Ordering::Relaxed), self.memory());
        self.relay.set(fault);
        let answer = self.world.vend(0, &self.ada, &stale(&self.token));
        let seen = (answer.status(), code(&answer));
        assert_eq!(seen, (503, "provider_unavailable".to_owned()), "{fault:?} {}", answer.0);
        assert!(answer.0.to_lowercase().contains("\r\nretry-after: "), "{fault:?} {}", answer.0);
        assert_eq!(self.world.token(0, &self.ada, &json!({})), self.token, "{fault:?}");
        assert_eq!(self.world.health(0), (200, 200), "{fault:?}");
        let asked = self.relay.asked.load(Ordering::Relaxed) - before;
        assert_eq!(asked, usize::from(fault != Fault::Refused), "{fault:?}");
        let more = self.memory().saturating_sub(memory);
        assert!(more < LITTLE, "{fault:?}: {more} KiB more");
        self.relay.set(Fault::None);
        let mut token = None;
        self.world.until("it is over", || {
            token = token_in(&self.world.vend(0, &self.ada, &stale(&self.token)));
            token.is_some()
        });
        self.token = token.unwrap();
    }

    /// How much memory the process has in use, in KiB.
    fn memory(&self) -> usize {
        let process = self.world.cluster.nodes[0].child.id();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[test]
fn d3_d4_d6_d7_whatever_the_way_to_the_provider_does_passes_and_costs_no_grant() {
    let mut behind = Behind::start();
    // What the first failure costs, once.
    behind.passes(Fault::Cut);
    for fault in [
        Fault::Refused,
        Fault::Cut,
        Fault::Endless,
        Fault::EndlessHead,
        Fault::Compressed,
        Fault::Redirected,
    ] {
        behind.passes(fault);
    }
}

/// For as long as an answer may take, and then it is over.
#[test]
fn d4_a_provider_that_does_not_answer_or_does_so_byte_by_byte_is_given_up() {
    let mut behind = Behind::start();
    behind.passes(Fault::Silent);
    behind.passes(Fault::Dripping);
}
