//! The numbers of this process, and the text in which Prometheus reads them.
//!
//! Whoever counts goes through the facade of the crate `metrics`; this is the recorder behind it. A series is an atomic
//! number that lives as long as the process, so nothing has to be swept and nothing waits to be collected. There is a
//! ceiling on series: should a label ever hold what a stranger chooses, numbers are missing and memory is not
//! (requirement HH-11).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use metrics::{
    Counter, Gauge, GaugeFn as _, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use standin::measure::{self, Metric};
use tokio::time::Instant;

/// Far above what a configuration with many providers comes to.
const MAX_SERIES: usize = 10_000;
/// Upper ends of the buckets of a duration, in seconds: a refresh is given up after eight.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const BUILD: Metric = Metric::gauge(
    "standin_build_info",
    &["version"],
    "Always 1; the label says which version runs.",
);
const UPTIME: Metric =
    Metric::gauge("standin_uptime_seconds", &[], "How long this process has been running.");
const REFUSED: Metric = Metric::counter(
    "standin_series_refused_total",
    &[],
    "Numbers that were not kept, because there are too many series. It is a fault of Standin if this grows.",
);
pub(crate) const REQUESTS: Metric = Metric::counter(
    "standin_http_requests_total",
    &["method", "route", "status"],
    "Requests that were answered, by route pattern (`none` for paths that have none, and for requests that were refused before they were looked at) and class of status.",
);

/// Every metric of the service: its own, and those of the library.
pub fn all() -> impl Iterator<Item = Metric> {
    [BUILD, UPTIME, REFUSED, REQUESTS].into_iter().chain(measure::ALL.iter().copied())
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// From the first call on the numbers of this process are kept.
pub fn install() {
    // It fails where somebody has installed a recorder before: us, or a test its own.
    if metrics::set_global_recorder(&*REGISTRY).is_ok() {
        for metric in all() {
            metric.describe();
        }
        metrics::gauge!(BUILD.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    }
}

/// The numbers of this process, as Prometheus reads them.
#[must_use]
pub fn text() -> String {
    REGISTRY.render()
}

/// All series.
#[derive(Debug)]
pub struct Registry {
    series: RwLock<HashMap<Key, Series>>,
    help: RwLock<BTreeMap<String, String>>,
    refused: AtomicU64,
    started_at: Instant,
}

#[derive(Clone, Debug)]
enum Series {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

/// How many values came into each bucket; the last one has no upper end.
#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum: AtomicU64,
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = BUCKETS.iter().position(|end| value <= *end).unwrap_or(BUCKETS.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.increment(value);
    }
}

impl Registry {
    fn new() -> Self {
        Self {
            series: RwLock::default(),
            help: RwLock::default(),
            refused: AtomicU64::new(0),
            started_at: Instant::now(),
        }
    }

    /// Every series, as Prometheus reads it (text format 0.0.4), in the order of their names.
    #[must_use]
    pub fn render(&self) -> String {
        metrics::gauge!(UPTIME.name).set(self.started_at.elapsed().as_secs_f64());
        metrics::counter!(REFUSED.name).absolute(self.refused.load(Ordering::Relaxed));
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut families: BTreeMap<String, Vec<(String, Series)>> = BTreeMap::new();
        for (key, series) in series {
            families.entry(key.name().to_owned()).or_default().push((labels(&key), series));
        }
        let help = self.help.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, mut family) in families {
            family.sort_by(|one, other| one.0.cmp(&other.0));
            head(&mut text, &name, help.get(&name).map(String::as_str), &family[0].1);
            for (labels, series) in &family {
                series.write(&mut text, &name, labels);
            }
        }
        text
    }

    /// The series of a key, made if there is room.
    fn series(&self, key: &Key, new: fn() -> Series) -> Option<Series> {
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if known.is_some() {
            return known;
        }
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SERIES && !all.contains_key(key) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(all.entry(key.clone()).or_insert_with(new).clone())
    }

    fn describe(&self, name: &KeyName, help: &SharedString) {
        let mut all = self.help.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.as_str().to_owned(), help.to_string());
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key, || Series::Counter(Arc::default())) {
            Some(Series::Counter(number)) => Counter::from_arc(number),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key, || Series::Gauge(Arc::default())) {
            Some(Series::Gauge(number)) => Gauge::from_arc(number),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key, || Series::Histogram(Arc::default())) {
            Some(Series::Histogram(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

impl Series {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    fn write(&self, text: &mut String, name: &str, labels: &str) {
        match self {
            Self::Counter(number) => sample(text, name, labels, number.load(Ordering::Relaxed)),
            Self::Gauge(bits) => {
                sample(text, name, labels, f64::from_bits(bits.load(Ordering::Relaxed)));
            }
            Self::Histogram(buckets) => buckets.write(text, name, labels),
        }
    }
}

impl Buckets {
    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let ends = BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut below = 0;
        for (end, count) in ends.zip(&self.counts) {
            below += count.load(Ordering::Relaxed);
            let separator = if labels.is_empty() { "" } else { "," };
            let labels = format!("{labels}{separator}le=\"{end}\"");
            sample(text, &format!("{name}_bucket"), &labels, below);
        }
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        sample(text, &format!("{name}_sum"), labels, sum);
        sample(text, &format!("{name}_count"), labels, below);
    }
}

// Writing to a String cannot fail.
fn head(text: &mut String, name: &str, help: Option<&str>, first: &Series) {
    if let Some(help) = help {
        let _ = writeln!(text, "# HELP {name} {help}");
    }
    let _ = writeln!(text, "# TYPE {name} {}", first.kind());
}

fn sample(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(text, "{name} {value}"),
        labels => writeln!(text, "{name}{{{labels}}} {value}"),
    };
}

/// `provider="google",result="ok"`
fn labels(key: &Key) -> String {
    let pairs: Vec<_> = key
        .labels()
        .map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value())))
        .collect();
    pairs.join(",")
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use metrics::{Label, Level};

    use super::*;

    fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        Key::from_parts(name, labels)
    }

    fn counter(registry: &Registry, key: &Key) -> Counter {
        registry.register_counter(key, &Metadata::new("", Level::INFO, None))
    }

    #[test]
    fn a_family_is_written_once_with_its_series_in_order() {
        let registry = Registry::new();
        registry.describe_counter("a_total".into(), None, "What it is.".into());
        counter(&registry, &key("a_total", &[("p", "z")])).increment(2);
        counter(&registry, &key("a_total", &[("p", "say \"\\\"\n")])).increment(1);
        counter(&registry, &key("a_total", &[("p", "z")])).increment(3);
        let text = registry.render();
        let expected = "# HELP a_total What it is.\n# TYPE a_total counter\n\
                        a_total{p=\"say \\\"\\\\\\\"\\n\"} 1\na_total{p=\"z\"} 5\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_histogram_counts_what_is_at_or_below_each_end() {
        let registry = Registry::new();
        let metadata = Metadata::new("", Level::INFO, None);
        let seconds = registry.register_histogram(&key("s", &[]), &metadata);
        for value in [0.01, 0.02, 9.5, 100.0] {
            seconds.record(value);
        }
        let text = registry.render();
        for line in [
            "s_bucket{le=\"0.01\"} 1",
            "s_bucket{le=\"0.025\"} 2",
            "s_bucket{le=\"5\"} 2",
            "s_bucket{le=\"10\"} 3",
            "s_bucket{le=\"+Inf\"} 4",
            "s_sum 109.53",
            "s_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }

    #[test]
    fn hh_11_there_is_a_ceiling_on_series_and_what_is_known_goes_on() {
        let registry = Registry::new();
        for number in 0..MAX_SERIES + 7 {
            let key = key("a_total", &[("stranger", &number.to_string())]);
            counter(&registry, &key).increment(1);
        }
        counter(&registry, &key("a_total", &[("stranger", "0")])).increment(1);
        assert_eq!(registry.series.read().unwrap().len(), MAX_SERIES);
        assert_eq!(registry.refused.load(Ordering::Relaxed), 7);
        assert!(registry.render().contains("a_total{stranger=\"0\"} 2\n"));
    }
}
