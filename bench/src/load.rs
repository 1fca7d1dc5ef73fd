//! The load: a few keep-alive connections that ask the same thing over and over.
//!
//! Blocking sockets and fixed bytes, one thread per connection: next to nothing of the machine is spent on
//! asking. Only loopback addresses are asked, for a time that is fixed beforehand.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

const CONNECTIONS: usize = 16;

/// Answers per second over `time`. Every answer must be 200.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn per_second(address: SocketAddr, request: &[u8], time: Duration) -> Result<f64> {
    ensure!(address.ip().is_loopback(), "load goes to loopback only");
    let (answers, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let ask = || ask_until(address, request, &answers, &stop);
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a connection broke")?)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let answers = answers.into_inner() as f64;
    Ok(answers / start.elapsed().as_secs_f64())
}

fn ask_until(
    address: SocketAddr,
    request: &[u8],
    answers: &AtomicU64,
    stop: &AtomicBool,
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    while !stop.load(Ordering::Relaxed) {
        let status = connection.ask(request)?;
        ensure!(status == 200, "an answer was {status}");
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// How many bytes the body of the answer has.
    pub(crate) fn length_of_answer(&mut self, request: &[u8]) -> Result<usize> {
        ensure!(self.ask(request)? == 200, "the answer is not 200");
        let head = self.buffer.windows(4).position(|window| window == b"\r\n\r\n");
        let (_, length) = answer(&self.buffer)?.context("an answer")?;
        Ok(length - head.context("a head")? - 4)
    }

    /// Sends a request and reads the whole answer. Its status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(read > 0, "the connection was closed");
            filled += read;
            if let Some((status, length)) = answer(&self.buffer[..filled])? {
                ensure!(filled == length, "more came than one answer");
                return Ok(status);
            }
        }
    }
}

/// Status and length of the answer at the beginning of `bytes`, once it is all there.
fn answer(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let status = text.get(9..12).context("a status")?.parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?;
    let total = head + 4 + length.1.trim().parse::<usize>()?;
    Ok((bytes.len() >= total).then_some((status, total)))
}
