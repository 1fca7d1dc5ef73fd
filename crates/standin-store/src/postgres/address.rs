//! The URL of a PostgreSQL database, taken apart: where, as whom, and behind which TLS.
//!
//! `postgres://user:password@host/database` asks for TLS with a certificate for `host` from an authority that this
//! machine trusts (requirement VC-13). The parameters are those of libpq where there is one, and no more of them
//! than are listed here: a word that is not understood must not quietly mean less than what was meant.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::refusal::ServerError;

/// What libpq calls them, and [`PLAINTEXT`].
const PASSED_ON: [&str; 8] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "password",
    "port",
    "user",
];
/// The `sslmode` that talks in the clear with another machine: nobody writes it by accident.
const PLAINTEXT: &str = "dangerously-plaintext";
const POOL_SIZE: usize = 16;
/// How long a caller waits for a connection when all are in use: long enough for a burst, short enough for whoever
/// waits in front of a page.
const POOL_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long TLS and the password may take.
const GREETING: Duration = Duration::from_secs(2);
/// A peer that has vanished without a word is noticed after about half a minute, by a connection that waits.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(15);
/// The same for a connection that has sent something: by itself the system would send it again for a quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Where the database is. Its password is in `config`, which is printed nowhere.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// How many connections this process opens at most.
    pub(super) pool_size: usize,
    /// How long a caller waits for one of them.
    pub(super) pool_timeout: Duration,
    /// Whether reads by a key are prepared.
    pub(super) prepares: bool,
}

/// How the server proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// By a certificate for its name, from an authority in this file or, without one, of this machine.
    VerifyFull(Option<PathBuf>),
    /// Not at all, over a socket of this machine.
    Local,
    /// Not at all, over a network, because the URL says so in as many words.
    Plaintext,
}

impl Address {
    /// Takes the URL apart. Errors name its parameters, never their values: one of them is the password.
    pub(super) fn parse(url: &str) -> Result<Self, ServerError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut ours) = (Vec::new(), Ours::default());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                key if PASSED_ON.contains(&key) => kept.push(pair),
                key => ours.take(key, &percent_decode_str(value).decode_utf8_lossy())?,
            }
        }
        let mut config = format!("{base}?{}", kept.join("&"))
            .parse::<Config>()
            .map_err(|error| bad(&super::failure::chain(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(bad("it names no host: postgres://user:password@host/database"));
        }
        let tls = ours.tls(&config)?;
        config.ssl_mode(match tls {
            Tls::VerifyFull(_) => SslMode::Require,
            Tls::Local | Tls::Plaintext => SslMode::Disable,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("standin");
        }
        let pool_size = ours.pool_size.unwrap_or(POOL_SIZE);
        let pool_timeout = ours.pool_timeout.unwrap_or(POOL_TIMEOUT);
        Ok(Self { config, tls, pool_size, pool_timeout, prepares: ours.prepares })
    }

    /// How long making a connection may take, with whichever host.
    pub(super) fn connect_limit(&self) -> Duration {
        connect_limit(&self.config)
    }

    /// The same for each host: tokio-postgres itself would wait for the first that says nothing.
    pub(super) fn each_host(&self) -> Vec<Config> {
        let hosts = self.config.get_hosts().iter().enumerate();
        hosts.map(|(index, host)| self.at(host, self.port(index))).collect()
    }

    fn at(&self, host: &Host, port: u16) -> Config {
        let (from, mut config) = (&self.config, Config::new());
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(directory) => config.host_path(directory),
        };
        from.get_user().map(|user| config.user(user));
        from.get_password().map(|password| config.password(password));
        from.get_dbname().map(|name| config.dbname(name));
        from.get_application_name().map(|name| config.application_name(name));
        from.get_connect_timeout().map(|limit| config.connect_timeout(*limit));
        config.port(port).ssl_mode(from.get_ssl_mode()).channel_binding(from.get_channel_binding());
        config.target_session_attrs(TargetSessionAttrs::ReadWrite).keepalives_idle(KEEPALIVE);
        config.keepalives_interval(KEEPALIVE / 3).keepalives_retries(3);
        config.tcp_user_timeout(UNACKNOWLEDGED);
        config
    }

    fn port(&self, index: usize) -> u16 {
        let ports = self.config.get_ports();
        ports.get(index).or(ports.first()).copied().unwrap_or(5432)
    }

    /// The server and the database, for messages.
    pub(super) fn name(&self) -> String {
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| match host {
            Host::Tcp(host) => format!("{host}:{}", self.port(index)),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<_> = hosts.collect();
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{}/{database}", hosts.join(","))
    }
}

/// How long it may take until a host has let somebody in: TLS and the password take time as well.
pub(super) fn connect_limit(config: &Config) -> Duration {
    config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT) + GREETING
}

/// The parameters that are not tokio-postgres's to understand.
#[derive(Default)]
struct Ours {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    pool_size: Option<usize>,
    pool_timeout: Option<Duration>,
    prepares: bool,
}

impl Ours {
    fn take(&mut self, key: &str, value: &str) -> Result<(), ServerError> {
        match key {
            "sslmode" => self.sslmode = Some(value.to_owned()),
            "sslrootcert" => self.sslrootcert = Some(value.to_owned()),
            "pool_size" => match value.parse() {
                Ok(size @ 1..=1_000) => self.pool_size = Some(size),
                _ => return Err(bad("pool_size is a number from 1 to 1000")),
            },
            "pool_timeout" => match value.parse() {
                Ok(seconds @ 1..=60) => self.pool_timeout = Some(Duration::from_secs(seconds)),
                _ => return Err(bad("pool_timeout is a number of seconds from 1 to 60")),
            },
            "prepared" => match value {
                "on" => self.prepares = true,
                "off" => self.prepares = false,
                _ => return Err(bad("prepared is on or off")),
            },
            "target_session_attrs" if value == "read-write" => {}
            other => {
                let known = "sslmode, sslrootcert, pool_size, pool_timeout, prepared, application_name, connect_timeout, channel_binding";
                return Err(bad(&format!(
                    "it has the parameter `{other}`; understood are {known}"
                )));
            }
        }
        Ok(())
    }

    fn tls(&self, config: &Config) -> Result<Tls, ServerError> {
        let hosts = config.get_hosts();
        if hosts.iter().all(|host| matches!(host, Host::Unix(_))) {
            return Ok(Tls::Local);
        }
        let authorities = self.sslrootcert.clone().filter(|file| file != "system");
        match self.sslmode.as_deref() {
            None | Some("verify-full") => Ok(Tls::VerifyFull(authorities.map(PathBuf::from))),
            Some("disable") if hosts.iter().all(is_this_machine) => Ok(Tls::Local),
            Some(PLAINTEXT) => Ok(Tls::Plaintext),
            Some("disable") => Err(bad(&format!(
                "sslmode=disable is for a server on this machine; over a network it would show every row and the \
                 password to whoever listens. Give the server a certificate, or write sslmode={PLAINTEXT}"
            ))),
            Some(_) => Err(bad(
                "sslmode is verify-full, which needs not be said, or disable for a server on this machine; \
                 allow, prefer, require and verify-ca would talk to whoever answers",
            )),
        }
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => {
            name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

fn bad(problem: &str) -> ServerError {
    ServerError::Address(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Tls {
        Address::parse(url).unwrap().tls
    }

    fn refused(url: &str) -> String {
        Address::parse(url).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn vc_13_without_a_word_the_server_must_prove_who_it_is() {
        for url in ["postgres://me:pw@db.example/s", "postgresql://127.0.0.1/s?sslmode=verify-full"]
        {
            assert_eq!(tls(url), Tls::VerifyFull(None));
        }
        let file = tls("postgres://db.example/s?sslrootcert=/etc/my%20ca.pem");
        assert_eq!(file, Tls::VerifyFull(Some("/etc/my ca.pem".into())));
        let address = Address::parse("postgres://db.example/s").unwrap();
        let [config] = &address.each_host()[..] else { panic!("one host") };
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_tcp_user_timeout(), Some(&UNACKNOWLEDGED));
    }

    #[test]
    fn vc_13_plain_text_leaves_the_machine_only_if_the_url_says_so_in_as_many_words() {
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(tls(&format!("postgres://{local}/s?sslmode=disable")), Tls::Local);
        }
        assert_eq!(tls("postgres:///s?host=/run/postgresql"), Tls::Local);
        assert_eq!(tls("postgres://10.0.0.7/s?sslmode=dangerously-plaintext"), Tls::Plaintext);
        for remote in ["db.example", "10.0.0.7", "localhost,db.example", "localhost.example"] {
            let words = refused(&format!("postgres://{remote}/s?sslmode=disable"));
            assert!(words.contains("sslmode=dangerously-plaintext"), "{words}");
        }
        for mode in ["allow", "prefer", "require", "verify-ca", ""] {
            let words = refused(&format!("postgres://localhost/s?sslmode={mode}"));
            assert!(words.contains("whoever answers"), "{words}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_without_repeating_the_password() {
        for (url, word) in [
            ("postgres://ada:hunter2@db/s?sslcert=hunter2", "`sslcert`"),
            ("postgres://ada:hunter2@db/s?options=-c%20x", "`options`"),
            ("postgres://ada:hunter2@db/s?pool_size=0", "pool_size"),
            ("postgres://ada:hunter2@db/s?prepared=hunter2", "prepared is on or off"),
            ("postgres://ada:hunter2@db:hunter2/s", "URL"),
            ("postgres://ada:hunter2@/s?sslmode=disable", "no host"),
        ] {
            let words = refused(url);
            assert!(words.contains(word) && !words.contains("hunter2"), "{words}");
        }
    }

    #[test]
    fn its_name_is_the_server_and_the_database() {
        let name = |url| Address::parse(url).unwrap().name();
        assert_eq!(name("postgres://me:hunter2@a:1,b:2/vault"), "a:1,b:2/vault");
        assert_eq!(name("postgres://me@%2Frun%2Fpg/vault"), "/run/pg/vault");
    }
}
