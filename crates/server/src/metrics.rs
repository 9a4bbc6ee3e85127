//! What the server counts, in the Prometheus text format.

use countersign_protocol::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of the server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Access tokens issued, by grant type.
    pub(crate) tokens_issued: Family<GrantLabel, Counter>,
    /// Refresh requests, by how they went.
    pub(crate) refreshes: Family<ResultLabel, Counter>,
    /// Codes, refresh and opaque access tokens that nobody here made: they touched no storage.
    pub(crate) junk_tokens: Counter,
    /// Sign-ins, by how they went.
    pub(crate) sign_ins: Family<ResultLabel, Counter>,
    /// Attempts to tell a client of the end of a session, by how they went.
    logout_notices: Family<ResultLabel, Counter>,
    /// Grants and tokens that ended before their time.
    pub(crate) revocations: Counter,
    /// Verifiers that are connected to this server's feed.
    pub(crate) verifiers: Gauge,
    /// Those of them that have not acknowledged the newest revocation.
    pub(crate) verifiers_behind: Gauge,
    /// Since when the keys that sign do, in seconds since the epoch.
    key_active: Family<AlgorithmLabel, Gauge>,
    /// When the schedule of the keys has its next step, in seconds since the epoch.
    key_step: Gauge,
}

/// The grant type of a token request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct GrantLabel {
    pub(crate) grant: &'static str,
}

/// An algorithm that this server signs with.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct AlgorithmLabel {
    pub(crate) alg: &'static str,
}

/// How something went.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ResultLabel {
    pub(crate) result: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let tokens_issued = Family::default();
        let refreshes = Family::default();
        let junk_tokens = Counter::default();
        let sign_ins = Family::default();
        let logout_notices = Family::default();
        let revocations = Counter::default();
        registry.register("tokens_issued", "Access tokens issued", tokens_issued.clone());
        registry.register("refreshes", "Refresh requests by result", refreshes.clone());
        registry.register(
            "junk_tokens",
            "Codes, refresh and opaque access tokens refused as made up, without storage access",
            junk_tokens.clone(),
        );
        registry.register("sign_ins", "Password sign-ins by result", sign_ins.clone());
        let help = "Back-channel logouts by result";
        registry.register("logout_notices", help, logout_notices.clone());
        registry.register("revocations", "Grants and tokens ended early", revocations.clone());
        let (verifiers, verifiers_behind) = (Gauge::default(), Gauge::default());
        registry.register("verifiers", "Verifiers on this server's feed", verifiers.clone());
        let help = "Verifiers that have not acknowledged the newest revocation, every 5 seconds";
        registry.register("verifiers_behind", help, verifiers_behind.clone());
        let key_active = Family::default();
        let key_step = Gauge::default();
        let help = "Since when the key of an algorithm signs, in seconds since the epoch";
        registry.register("signing_key_active_time_seconds", help, key_active.clone());
        let help = "When the keys have their next step, in seconds since the epoch; 0: by hand";
        registry.register("key_step_time_seconds", help, key_step.clone());
        Self {
            registry,
            tokens_issued,
            refreshes,
            junk_tokens,
            sign_ins,
            logout_notices,
            revocations,
            verifiers,
            verifiers_behind,
            key_active,
            key_step,
        }
    }

    /// Adds a counter that something else keeps.
    pub(crate) fn count_with(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.registry.register_collector(Box::new(Elsewhere { name, help, read: Box::new(read) }));
    }

    pub(crate) fn issued(&self, grant: &'static str) {
        self.tokens_issued.get_or_create(&GrantLabel { grant }).inc();
    }

    pub(crate) fn refreshed(&self, result: &'static str) {
        self.refreshes.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn signed_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn told_of_logout(&self, result: &'static str) {
        self.logout_notices.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn key_active_since(&self, alg: &'static str, since: Timestamp) {
        self.key_active.get_or_create(&AlgorithmLabel { alg }).set(seconds(since));
    }

    pub(crate) fn next_key_step(&self, at: Option<Timestamp>) {
        self.key_step.set(at.map_or(0, seconds));
    }

    /// The text that `/metrics` answers with.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string can't fail");
        text
    }
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_secs()).unwrap_or(i64::MAX)
}

/// A counter that is kept elsewhere and read when asked.
struct Elsewhere {
    name: &'static str,
    help: &'static str,
    read: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elsewhere").field("name", &self.name).finish_non_exhaustive()
    }
}

impl prometheus_client::collector::Collector for Elsewhere {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeMetric as _;
        let counter = prometheus_client::metrics::counter::ConstCounter::new((self.read)());
        let metric =
            encoder.encode_descriptor(self.name, self.help, None, counter.metric_type())?;
        counter.encode(metric)
    }
}
