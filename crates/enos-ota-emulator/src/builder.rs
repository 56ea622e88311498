//! Setting up an emulator.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::answer::Integers;
use crate::clock::{Clock, SkewedClock, SystemClock, to_ms};
use crate::emulator::{Emulator, reachable};
use crate::faults::{Fault, FaultQueue};
use crate::fleet::{Fleet, FleetError};
use crate::gateway::GatewayStyle;
use crate::gateway::gate::Gate;
use crate::gateway::nodes::Nodes;
use crate::gateway::quota::Quota;
use crate::journal::{Counters, Journal};
use crate::random::Random;
use crate::readings::{MixedList, Readings};
use crate::server;
use crate::setters::setters;
use crate::shared::{Inner, Shared};
use crate::state::{Pace, World};
use crate::token::{OldToken, TokenService};
use crate::waits::{Waiting, Waits};

/// The app key of an emulator that is given no other. It is no key of any platform.
pub const DEMO_APP_KEY: &str = "00000000-demo-demo-demo-appkey000000";
/// The app secret of an emulator that is given no other. It is no secret.
pub const DEMO_APP_SECRET: &str = "00000000-demo-demo-demo-notasecret00";

/// Sets up an [`Emulator`]; [`Emulator::builder`] makes one. Nothing has to be set.
pub struct EmulatorBuilder {
    fleet: Fleet,
    app_key: String,
    app_secret: String,
    clock: Box<dyn Clock>,
    clock_skew_ms: i64,
    listen: SocketAddr,
    allow_remote: bool,
    gateway_style: GatewayStyle,
    readings: Readings,
    pace: Pace,
    token_lifetime: Duration,
    old_token: OldToken,
    quota: Option<Quota>,
    nodes: usize,
    node_lag: Duration,
    latency: Duration,
    waits: Waits,
    integers: Integers,
    misspell_status: bool,
    max_request_bytes: usize,
    request_timeout: Duration,
    max_connections: usize,
    seed: u64,
    faults: Vec<Fault>,
}

impl EmulatorBuilder {
    pub(crate) fn new() -> Self {
        Self {
            fleet: Fleet::demo(),
            app_key: DEMO_APP_KEY.to_owned(),
            app_secret: DEMO_APP_SECRET.to_owned(),
            clock: Box::new(SystemClock),
            clock_skew_ms: 0,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            gateway_style: GatewayStyle::default(),
            readings: Readings::default(),
            pace: Pace::default(),
            token_lifetime: Duration::from_hours(2),
            old_token: OldToken::default(),
            quota: None,
            nodes: 1,
            node_lag: Duration::from_secs(1),
            latency: Duration::ZERO,
            waits: Waits::default(),
            integers: Integers::AsNumbers,
            misspell_status: false,
            max_request_bytes: 64 * 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            max_connections: 1_024,
            seed: 0,
            faults: Vec::new(),
        }
    }

    setters! {
        /// Sets the organization, jobs and tasks. [`Fleet::demo`] by default.
        fleet(self, fleet: Fleet) { self.fleet = fleet; }

        /// Sets the only application that the emulator knows. [`DEMO_APP_KEY`] and [`DEMO_APP_SECRET`] by default; a real
        /// secret has no business here.
        credentials(self, app_key: impl Into<String>, app_secret: impl Into<String>) {
            self.app_key = app_key.into();
            self.app_secret = app_secret.into();
        }

        /// Sets the clock: [`SystemClock`] by default.
        clock(self, clock: impl Clock) { self.clock = Box::new(clock); }

        /// Makes the emulator's clock run ahead of [`clock`](Self::clock) by so many milliseconds, or behind it if negative: for
        /// a gateway and a client whose clocks differ.
        ///
        /// All times of the emulator are by that clock: those of jobs and tasks, the header `Date` of its answers, and the 15
        /// minutes for a request's timestamp. How well the platform's clock is set is not documented.
        clock_skew_ms(self, ms: i64) { self.clock_skew_ms = ms; }

        /// Sets the address to listen on: by default 127.0.0.1 and a port that the system chooses.
        listen(self, address: SocketAddr) { self.listen = address; }

        /// Allows an address that other machines can reach. Anyone there can then read and change the emulator's state.
        allow_remote(self, allow: bool) { self.allow_remote = allow; }

        /// Sets the form in which the gateway rejects calls; none is documented.
        gateway_style(self, style: GatewayStyle) { self.gateway_style = style; }

        /// Sets all [`Readings`] of what is not documented, with those that [`mixed_list`](Self::mixed_list) and
        /// [`stale_reads`](Self::stale_reads) set one by one.
        readings(self, readings: Readings) { self.readings = readings; }

        /// Sets what `retryTask` and `cancelTask` do with a list in which only some tasks can be retried or cancelled;
        /// that is not documented.
        mixed_list(self, mode: MixedList) { self.readings.mixed_list = mode; }

        /// Sets how fast tasks move.
        pace(self, pace: Pace) { self.pace = pace; }

        /// Sets how long a token lives: 7200 s by default, as documented.
        token_lifetime(self, lifetime: Duration) { self.token_lifetime = lifetime; }

        /// Sets what becomes of the old token when it is refreshed; that is not documented.
        old_token(self, fate: OldToken) { self.old_token = fate; }

        /// Makes `get`, `search` and `searchTask` show everything as it was so long ago, by the emulator's clock: at most
        /// ten seconds, and not at all by default. What a call has changed since, a reader does not see yet; a job created
        /// since is not found, and a deleted one still is.
        ///
        /// The platform documents that reads may be about two seconds behind after many changes. All else, `retryTask` for
        /// one, acts on the present, and so does what is read from [`Emulator`].
        stale_reads(self, lag: Duration) { self.readings.reads_behind = lag; }

        /// Limits how many calls are taken, by second, minute, hour or day; without this there is no limit.
        /// [`Emulator::set_quota`] changes it later.
        quota(self, quota: Quota) { self.quota = Some(quota); }

        /// Makes the gateway consist of so many nodes, which take the requests in turn: one by default, and 0 counts as 1.
        ///
        /// A new token is known at once to the node that issued it. To the others it is dead (1203) until
        /// [`node_lag`](Self::node_lag) is over, also if `token/get` hands it out again. That a token is killed, or replaced by
        /// *refresh*, all know at once. Limits of a [`Quota`] by windows on the clock are counted by each node for itself, with
        /// the requests to the others added late, so that more are let through than the limit says.
        ///
        /// Inferred: the gateway is, or speaks like, Kong, which runs so. Of EnOS nothing is documented.
        nodes(self, nodes: usize) { self.nodes = nodes; }

        /// Sets how long a node does not know what another has done, by the emulator's clock: one second by default.
        node_lag(self, lag: Duration) { self.node_lag = lag; }

        /// Makes every request to the platform wait so long before it is looked at, counted from when its head has come in,
        /// and to the millisecond: not at all by default.
        ///
        /// In real time the requests wait side by side. A [`Fault::latency`] comes on top.
        latency(self, time: Duration) { self.latency = time; }

        /// Sets how the emulator waits where it is told to: in real time by default.
        waits(self, waits: Waits) { self.waits = waits; }

        /// Makes `create`, `get`, `search` and `searchTask` answer whole numbers as text, `code` aside, for clients that
        /// should take both. That the platform may do so is inferred: the vendor's Python sample sends some numbers as
        /// text.
        integers_as_text(self, as_text: bool) {
            self.integers = if as_text { Integers::AsText } else { Integers::AsNumbers };
        }

        /// Makes the token service spell the member `status` of its answers `stauts`, as the samples of EnOS 2.1 to 2.4.4
        /// do.
        misspell_status(self, misspell: bool) { self.misspell_status = misspell; }

        /// Sets how big a request's body may be, 64 MiB by default; a bigger one is refused by the gateway with 413 and *Request
        /// size limit exceeded*. That there can be such a limit is documented, but not how big a body may be.
        max_request_bytes(self, bytes: usize) { self.max_request_bytes = bytes; }

        /// Sets how long a client may take, in real time, to send the head of a request, and again for its body: 10 seconds
        /// each by default. Then the connection is closed. One that is idle between requests is not.
        request_timeout(self, limit: Duration) { self.request_timeout = limit; }

        /// Sets how many connections there may be at a time: 1,024 by default, and 0 counts as 1. For one more, that which has
        /// been without a request for longest is closed; if all have one, the new one waits.
        max_connections(self, connections: usize) { self.max_connections = connections; }

        /// Sets the seed of the dice for [`Fault::probability`], of request ids and of tokens: 0 by default. The same
        /// requests in the same order get the same answers.
        seed(self, seed: u64) { self.seed = seed; }

        /// Adds a fault; more can be added to [`Emulator::faults`] later.
        fault(self, fault: Fault) { self.faults.push(fault); }
    }

    /// Starts the emulator on the current tokio runtime. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// If the fleet contradicts itself, the address is not a loopback address and [`allow_remote`](Self::allow_remote)
    /// was not called, the address cannot be listened on, or the emulator is to wait [on its clock](Waits::OnClock) and
    /// the clock is no [`ManualClock`](crate::ManualClock).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn start(self) -> Result<Emulator, StartError> {
        if !self.allow_remote && !self.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.listen));
        }
        let clock = SkewedClock {
            inner: self.clock,
            skew_ms: self.clock_skew_ms,
        };
        let waiting = match (self.waits, clock.as_manual()) {
            (Waits::RealTime, _) => Waiting::RealTime,
            (Waits::OnClock, Some(clock)) => Waiting::OnClock(clock.clone()),
            (Waits::OnClock, None) => return Err(StartError::NoManualClock),
        };
        let org_id = self.fleet.org_id.clone();
        let world = World::new(self.fleet, (self.pace, self.readings), clock.now_ms()).map_err(StartError::Fleet)?;
        let bind_error = |source| StartError::Listen {
            address: self.listen,
            source,
        };
        let listener = TcpListener::bind(self.listen).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;

        let (close, closing) = watch::channel(false);
        let tokens = TokenService::new(
            (self.app_key.clone(), self.app_secret.clone()),
            to_ms(self.token_lifetime),
            self.old_token,
            to_ms(self.node_lag),
        );
        let nodes = Nodes::new(self.nodes);
        let shared = Arc::new(Shared {
            address,
            allow_remote: self.allow_remote,
            request_timeout: self.request_timeout,
            max_connections: self.max_connections,
            gate: Gate::new(self.quota, &clock, nodes.count(), to_ms(self.node_lag)),
            nodes,
            latency: self.latency,
            waiting,
            clock,
            gateway_style: self.gateway_style,
            readings: self.readings,
            integers: self.integers,
            misspell_status: self.misspell_status,
            max_request_bytes: self.max_request_bytes,
            faults: FaultQueue::new(self.faults, self.seed),
            journal: Journal::default(),
            inner: Mutex::new(Inner {
                world,
                tokens,
                random: Random::seeded(self.seed),
                counters: Counters::default(),
            }),
            closing,
        });
        let server = tokio::spawn(server::run(listener, Arc::clone(&shared)));
        Ok(Emulator {
            shared,
            base_url: format!("http://{}", reachable(address)),
            org_id,
            credentials: (self.app_key, self.app_secret),
            close,
            server,
        })
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the secret nor a fleet of a million tasks.
        f.debug_struct("EmulatorBuilder")
            .field("app_key", &self.app_key)
            .field("listen", &self.listen)
            .field("gateway_style", &self.gateway_style)
            .field("readings", &self.readings)
            .finish_non_exhaustive()
    }
}

/// Why an emulator does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address is one that other machines can reach, and that was not allowed.
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The fleet cannot be used.
    Fleet(FleetError),
    /// The emulator is to wait on its clock, which it cannot move.
    NoManualClock,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} is not a loopback address: other machines could reach the emulator, which protects nothing"
            ),
            Self::Listen { address, .. } => write!(f, "cannot listen on {address}"),
            Self::Fleet(_) => f.write_str("the fleet cannot be used"),
            Self::NoManualClock => {
                f.write_str("the emulator is to wait on its clock, which cannot be moved; give it a ManualClock")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotLoopback(_) | Self::NoManualClock => None,
            Self::Listen { source, .. } => Some(source),
            Self::Fleet(error) => Some(error),
        }
    }
}
