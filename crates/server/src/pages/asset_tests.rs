//! Checks of the files in `assets/`, which the pages rely on and no compiler reads.

const STYLESHEET: &str = include_str!("../../assets/countersign.css");
const LOGO: &str = include_str!("../../assets/logo.svg");
const FAVICON: &str = include_str!("../../assets/favicon.svg");
const SAMPLE_PAGE: &str = include_str!("../../assets/sample/index.html");
const SAMPLE_APP: &str = include_str!("../../assets/sample/app.js");
const SAMPLE_STYLE: &str = include_str!("../../assets/sample/sample.css");

/// Colour pairs that carry text (WCAG 2.2, 1.4.3) or mark a control's edge (1.4.11), with the
/// contrast that they need.
const PAIRS: [(&str, &str, f64); 21] = [
    ("ink", "page", 4.5),
    ("ink", "card", 4.5),
    ("ink", "sunk", 4.5),
    ("muted", "page", 4.5),
    ("muted", "card", 4.5),
    ("muted", "sunk", 4.5),
    ("accent", "page", 4.5),
    ("accent", "card", 4.5),
    ("accent-strong", "page", 4.5),
    ("accent-strong", "card", 4.5),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-strong", 4.5),
    ("good", "good-tint", 4.5),
    ("good", "card", 4.5),
    ("ink", "good-tint", 4.5),
    ("bad", "bad-tint", 4.5),
    ("bad", "card", 4.5),
    ("edge", "card", 3.0),
    ("edge", "sunk", 3.0),
    ("bad", "sunk", 3.0),
    ("accent", "sunk", 3.0),
];

#[test]
fn colours_keep_their_contrast_in_both_schemes() {
    let (light, dark) = STYLESHEET.split_once("prefers-color-scheme: dark").unwrap();
    for (scheme, css) in [("light", light), ("dark", dark)] {
        for (front, back, needed) in PAIRS {
            let (lighter, darker) = {
                let (a, b) = (luminance(css, front), luminance(css, back));
                (a.max(b), a.min(b))
            };
            let contrast = (lighter + 0.05) / (darker + 0.05);
            assert!(contrast >= needed, "{scheme}: {front} on {back} has {contrast:.2}");
        }
    }
}

/// The relative luminance of a custom property's colour, as WCAG 2.2 defines it.
fn luminance(css: &str, name: &str) -> f64 {
    let (_, after) = css.split_once(&format!("--{name}: #")).expect(name);
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&after[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

#[test]
fn the_stylesheet_stays_small() {
    assert!(STYLESHEET.len() < 8 * 1024, "{} bytes", STYLESHEET.len());
}

#[test]
fn assets_load_nothing_from_elsewhere() {
    for css in [STYLESHEET, SAMPLE_STYLE] {
        for forbidden in ["url(", "@import", "@font-face", "//"] {
            assert!(!css.contains(forbidden), "{forbidden}");
        }
    }
    for svg in [LOGO, FAVICON] {
        for forbidden in ["<script", "<style", "style=", "href", "url("] {
            assert!(!svg.contains(forbidden), "{forbidden}");
        }
    }
    for attribute in ["src=\"", "href=\""] {
        for value in SAMPLE_PAGE.split(attribute).skip(1) {
            assert!(value.starts_with('/'), "{attribute}{}", value.split('"').next().unwrap());
        }
    }
}

#[test]
fn every_class_that_pages_use_is_styled() {
    let pages = [
        include_str!("../../templates/base.html"),
        include_str!("../../templates/login.html"),
        include_str!("../../templates/consent.html"),
        include_str!("../../templates/account.html"),
        include_str!("../../templates/logout.html"),
        include_str!("../../templates/signed_out.html"),
        include_str!("../../templates/error.html"),
        include_str!("../../templates/form_post.html"),
        SAMPLE_PAGE,
    ];
    for class in pages.iter().flat_map(|page| page.split("class=\"").skip(1)) {
        for name in class.split('"').next().unwrap().split(' ') {
            let selector = format!(".{name}");
            let styled = [STYLESHEET, SAMPLE_STYLE].iter().any(|css| {
                css.split(&selector)
                    .skip(1)
                    .any(|after| !after.starts_with(|c: char| c == '-' || c.is_alphanumeric()))
            });
            assert!(styled, "class {name} has no rule");
        }
    }
}

#[test]
fn the_sample_page_has_no_inline_script_or_style() {
    for forbidden in ["style=", "<style", " onclick", " onload", "javascript:"] {
        assert!(!SAMPLE_PAGE.contains(forbidden), "{forbidden}");
    }
    let scripts: Vec<_> = SAMPLE_PAGE.split("<script").skip(1).collect();
    assert_eq!(scripts, [scripts[0]], "one script");
    assert!(scripts[0].starts_with(" type=\"module\" src=\"/assets/sample/app.js\"></script>"));
}

#[test]
fn the_sample_app_finds_every_element_that_it_names() {
    let ids: Vec<_> =
        SAMPLE_PAGE.split(" id=\"").skip(1).map(|after| after.split_once('"').unwrap().0).collect();
    let wanted: Vec<_> = SAMPLE_APP
        .split("element(\"")
        .skip(1)
        .map(|after| after.split_once('"').unwrap().0)
        .collect();
    assert!(wanted.len() > 10, "the app looks its elements up by element(\"…\")");
    for id in wanted {
        assert!(ids.contains(&id), "no element has the id {id}");
    }
    let promised = [
        "login",
        "call-api",
        "refresh",
        "revoke",
        "sign-out-everywhere",
        "single-use",
        "account",
        "auto-renew",
        "api-result",
        "token-payload",
        "countdown",
        "log",
    ];
    for id in promised {
        assert!(ids.contains(&id), "{id}");
    }
}

#[test]
fn the_sample_app_keeps_tokens_out_of_storage_and_text_out_of_markup() {
    for forbidden in [
        "localStorage",
        "indexedDB",
        "document.cookie",
        "window.",
        "globalThis",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
    ] {
        assert!(!SAMPLE_APP.contains(forbidden), "{forbidden}");
    }
    // One write before the redirect; one read and one removal after it.
    for (call, count) in [(".setItem(", 1), (".getItem(", 1), (".removeItem(", 1)] {
        assert_eq!(SAMPLE_APP.matches(&format!("sessionStorage{call}")).count(), count, "{call}");
    }
    assert_eq!(SAMPLE_APP.matches("sessionStorage.").count(), 3);
}
