//! How long an answer of somebody else counts (RFC 9111 §4.2), within bounds of our own.

use std::time::Duration;

use http::{HeaderMap, header};

/// Bounds for what others say about their answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// However short it is said to be: an answer serves at least for this long.
    pub least: Duration,
    /// When nothing is said.
    pub silent: Duration,
    /// However long it is said to be.
    pub most: Duration,
}

/// How long an answer with these headers counts from now on.
#[must_use]
pub fn lifetime(headers: &HeaderMap, bounds: &Bounds) -> Duration {
    let directives = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    let mut lifetime = bounds.silent;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return bounds.least;
        }
        if name.eq_ignore_ascii_case("max-age")
            && let Ok(seconds) = value.trim_matches('"').parse()
        {
            lifetime = Duration::from_secs(seconds);
        }
    }
    let age = headers.get(header::AGE).and_then(|value| value.to_str().ok());
    let age = age.and_then(|age| age.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    lifetime.saturating_sub(age).clamp(bounds.least, bounds.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_within_bounds() {
        let seconds = Duration::from_secs;
        let bounds = Bounds { least: seconds(60), silent: seconds(300), most: seconds(3_600) };
        for (pairs, expected) in [
            (&[][..], 300),
            (&[("cache-control", "public, max-age=1000")][..], 1_000),
            (&[("cache-control", "public"), ("cache-control", "MAX-AGE=\"1000\"")][..], 1_000),
            (&[("cache-control", "max-age=1000"), ("age", "500")][..], 500),
            (&[("cache-control", "max-age=1")][..], 60),
            (&[("cache-control", "max-age=100"), ("age", "500")][..], 60),
            (&[("cache-control", "max-age=31536000")][..], 3_600),
            (&[("cache-control", "max-age=18446744073709551616")][..], 300),
            (&[("cache-control", "max-age=-1")][..], 300),
            (&[("cache-control", "max-age=1000, no-cache")][..], 60),
            (&[("cache-control", "no-store")][..], 60),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(lifetime(&headers, &bounds), seconds(expected), "{pairs:?}");
        }
    }
}
