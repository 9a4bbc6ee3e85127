//! What is read, what overrides what, and what is refused.

use super::*;

const GOOD: &str = r#"
    issuer = "https://id.example.com"
    [tokens]
    access_token_s = 120
    [[client]]
    client_id = "web"
    client_secret = "0123456789abcdef0123456789abcdef"
    redirect_uris = ["https://app.example.com/cb"]
    [[user]]
    username = "Alice"
    password = "correct horse battery staple"
    name = "Alice Example"
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<(Config, Sources), Faults> {
    let variables = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let (table, sources) = sources::merge(text, "countersign.toml", variables)?;
    let config = Config::from_table(table)?;
    let faults = config.faults();
    if faults.is_empty() { Ok((config, sources)) } else { Err(Faults(faults)) }
}

#[test]
fn a_small_file_is_enough_and_secrets_do_not_stay() {
    let (config, sources) = load(GOOD, &[]).unwrap();
    assert_eq!(config.lifetimes().access_token, Duration::from_secs(120));
    assert_eq!(sources.of("tokens.access_token_s"), Origin::File("countersign.toml".into()));
    assert_eq!(sources.of("tokens.code_s"), Origin::Default);
    assert_eq!(config.clients[0].client_secret_sha256.as_ref().map(String::len), Some(43));
    let shown = format!("{config:?} {:?}", config.lines(&sources));
    assert!(!shown.contains("correct horse") && !shown.contains("0123456789abcdef"), "{shown}");
}

#[test]
fn variables_override_the_file() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let variables = [
        ("COUNTERSIGN__TOKENS__ACCESS_TOKEN_S", "60"),
        ("COUNTERSIGN__SERVER__LISTEN", "127.0.0.1:9999"),
        ("COUNTERSIGN__SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
        ("COUNTERSIGN__SECRETS__MASTER_KEY", key),
        ("PATH", "/bin"),
    ];
    let (config, sources) = load(GOOD, &variables).unwrap();
    assert_eq!(config.tokens.access_token_s, 60);
    assert_eq!(config.server.listen.port(), 9999);
    assert_eq!(config.server.trusted_proxies.len(), 1);
    assert_eq!(
        sources.of("tokens.access_token_s").to_string(),
        "$COUNTERSIGN__TOKENS__ACCESS_TOKEN_S"
    );
    let lines = config.lines(&sources);
    let master = lines.iter().find(|line| line.name == "secrets.master_key").unwrap();
    assert_eq!(master.value, "••••••••");
}

#[test]
fn faults_are_told_all_at_once() {
    let bad = r#"
        issuer = "http://id.example.com/"
        [tokens]
        access_token_s = 1
        [refresh]
        after_restore = "fast-forward"
        [[client]]
        client_id = "spa"
        token_endpoint_auth_method = "none"
        redirect_uris = ["http://app.example.com/"]
        danger_any_loopback_redirect = true
    "#;
    let Err(Faults(faults)) = load(bad, &[]) else { panic!() };
    assert_eq!(faults.len(), 5, "{faults:#?}");
}

#[test]
fn mistakes_are_named() {
    let refused = |text: &str| load(text, &[]).unwrap_err().to_string();
    assert!(refused("issuer = ").contains("is not TOML"));
    assert!(refused("isuer = \"https://id.example.com\"").contains("isuer"));
    assert!(refused(&GOOD.replace("redirect_uris", "redirect_urls")).contains("client web"));
    assert!(
        refused(&GOOD.replace("\"0123456789abcdef0123456789abcdef\"", "\"short\""))
            .contains("random")
    );
    assert!(refused(&format!("{GOOD}\npassword_hash = \"x\"")).contains("PHC"));
    assert!(refused(&GOOD.replace("name = \"Alice Ex", "nmae = \"Alice Ex")).contains("nmae"));
    assert!(refused("[registration]\nmode = \"anybody\"").contains("anybody"));
    for (line, word) in [
        ("resources = [\"not a uri\"]", "registration.resources"),
        ("scopes = [\"two words\"]", "registration.scopes"),
        ("grant_types = []", "registration.grant_types"),
        ("max_clients = 0", "registration.max_clients"),
        ("unused_days = 4000", "registration.unused_days"),
    ] {
        let told = refused(&format!("{GOOD}\n[registration]\n{line}"));
        assert!(told.contains(word), "{line}: {told}");
    }
    for issuer in ["https://id.example.com/", "https://id.example.com/x", "ftp://a", "x", ""] {
        let text = GOOD.replace("https://id.example.com", issuer);
        assert!(refused(&text).contains("issuer"), "{issuer}");
    }
}

#[test]
fn a_secret_that_is_computed_with_is_long_enough() {
    let secret = |bytes: usize| "s3cret--".repeat(8)[..bytes].to_owned();
    for (alg, least) in [("", 32), ("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let text = |bytes| {
            let alg = format!("token_endpoint_auth_signing_alg = \"{alg}\"");
            let alg = if alg.contains("\"\"") { String::new() } else { alg };
            GOOD.replace("0123456789abcdef0123456789abcdef", &secret(bytes)).replace(
                "client_id",
                &format!("{alg}\ntoken_endpoint_auth_method = \"client_secret_jwt\"\nclient_id"),
            )
        };
        let (config, _) = load(&text(least), &[]).unwrap();
        assert_eq!(config.client_secrets.of("web"), Some(&*secret(least)));
        assert!(!format!("{config:?}").contains("s3cret"));
        let why = load(&text(least - 1), &[]).unwrap_err().to_string();
        assert!(why.contains(&format!("{least} bytes")), "{why}");
    }
    let (config, _) = load(GOOD, &[]).unwrap();
    assert_eq!(config.client_secrets.of("web"), None, "of others a hash is enough");
}

#[test]
fn an_issuer_is_trusted_in_so_many_words() {
    const KEY: &str = "{ kty = \"OKP\", crv = \"Ed25519\", \
        x = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\" }";
    let trusted = format!(
        "{GOOD}\n[[trusted_issuer]]\nissuer = \"https://corp.example\"\nclients = [\"web\"]\n\
         subject = \"username\"\njwks = {{ keys = [{KEY}] }}"
    );
    assert_eq!(load(&trusted, &[]).unwrap().0.trusted_issuers.len(), 1);
    for (what, from, to) in [
        ("this server itself", "https://corp.example", "https://id.example.com"),
        ("empty", "https://corp.example", ""),
        ("nobody", "clients = [\"web\"]", "clients = []"),
        ("missing field `clients`", "clients = [\"web\"]", ""),
        ("missing field `subject`", "subject = \"username\"", ""),
        ("unknown variant", "\"username\"", "\"email\""),
        ("unknown field", "subject = ", "audience = \"x\"\nsubject = "),
        ("one of them", "jwks = ", "jwks_uri = \"https://corp.example/keys\"\njwks = "),
        ("not https", "jwks = ", "jwks_uri = \"http://corp.example/keys\"\n# "),
        ("jwks", KEY, ""),
        ("jwks", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "x"),
    ] {
        let error = load(&trusted.replace(from, to), &[]).unwrap_err().to_string();
        assert!(error.contains("trusted_issuer") && error.contains(what), "{what}: {error}");
    }
    let (_, again) = trusted.split_once("[[trusted_issuer]]").unwrap();
    let twice = format!("{trusted}\n[[trusted_issuer]]{again}");
    assert!(load(&twice, &[]).unwrap_err().to_string().contains("declared twice"));
}

#[test]
fn a_proxy_that_nobody_listed_is_pointed_at() {
    assert_eq!(load(GOOD, &[]).unwrap().0.warnings, [NO_PROXY]);
    let listed = [("COUNTERSIGN__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)];
    assert_eq!(load(GOOD, &listed).unwrap().0.warnings, [""; 0]);
    let plain = GOOD.replace("https://id.example.com", "http://127.0.0.1:8080");
    assert_eq!(load(&plain, &[]).unwrap().0.warnings, [""; 0]);
}

#[test]
fn doors_that_are_opened_are_pointed_at() {
    let warnings = |lines: &str| {
        let text = format!("{GOOD}\n[registration]\n{lines}");
        let listed = [("COUNTERSIGN__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)];
        load(&text, &listed).unwrap().0.warnings.len()
    };
    assert_eq!(warnings(""), 0);
    assert_eq!(warnings("mode = \"initial-access-token\""), 0);
    assert_eq!(warnings("mode = \"open\""), 1);
    assert_eq!(warnings("mode = \"open\"\ngrant_types = [\"client_credentials\"]"), 2);
    assert_eq!(warnings("danger_without_pkce = true"), 1);
    assert_eq!(warnings("danger_token_endpoint_as_audience = true"), 1);
}

#[test]
fn what_has_no_effect_for_certificates_is_pointed_at() {
    let warned = |server: &str, client: &str| {
        let text = format!("{GOOD}\n[server]\n{server}").replace("redirect_uris", client);
        let (config, _) = load(&text, &[]).unwrap();
        config.warnings.iter().any(|warning| warning.contains("client_certificate_header"))
    };
    let bound = "tls_client_certificate_bound_access_tokens = true\nredirect_uris";
    let (header, proxies) =
        ("client_certificate_header = \"Client-Cert\"\n", "trusted_proxies = [\"10.0.0.0/8\"]");
    assert!(warned(header, "redirect_uris"), "nobody is believed");
    assert!(warned(proxies, bound), "nobody reports one");
    assert!(!warned(&format!("{header}{proxies}"), bound));
    assert!(!warned(proxies, "redirect_uris"));
    let bad = format!("{GOOD}\n[server]\nclient_certificate_header = \"a header\"");
    assert!(load(&bad, &[]).unwrap_err().to_string().contains("client_certificate_header"));
    let both = GOOD.replace("redirect_uris", &format!("dpop_bound_access_tokens = true\n{bound}"));
    assert!(load(&both, &[]).unwrap_err().to_string().contains("choose"));
}

#[test]
fn names_in_certificates_count_where_somebody_vouches_for_them() {
    let with = |server: &str, client: &str| {
        let client = format!("token_endpoint_auth_method = \"tls_client_auth\"\n{client}");
        let text = GOOD.replace("client_secret = \"0123456789abcdef0123456789abcdef\"", &client);
        load(&format!("{text}\n[server]\n{server}"), &[]).map(|(config, _)| config.warnings)
    };
    let (verified, name) =
        ("client_certificates = \"verified\"", "tls_client_auth_san_dns = \"a.example\"");
    let header = "client_certificate_header = \"Client-Cert\"\ntrusted_proxies = [\"10.0.0.0/8\"]";
    let good = with(&format!("{verified}\n{header}"), name).unwrap();
    assert_eq!(good, [""; 0]);
    let warned = with(&format!("{verified}\ntrusted_proxies = [\"10.0.0.0/8\"]"), name).unwrap();
    assert!(warned[0].contains("client_certificate_header"), "{warned:?}");
    let refused = |server: &str, client: &str| with(server, client).unwrap_err().to_string();
    assert!(refused(header, name).contains("verified"));
    let two = format!("{name}\ntls_client_auth_san_uri = \"x:y\"");
    let odd = "tls_client_auth_subject_dn = \"no name\"";
    let no_ip = "tls_client_auth_san_ip = \"a.example\"";
    for (client, why) in
        [("", "one name"), (&*two, "one name"), (odd, "can't be read"), (no_ip, "can't be read")]
    {
        let told = refused(&format!("{verified}\n{header}"), client);
        assert!(told.contains(why), "{told}");
    }
    let stray = GOOD.replace("redirect_uris", &format!("{name}\nredirect_uris"));
    assert!(load(&stray, &[]).unwrap_err().to_string().contains("tls_client_auth_"));
}

#[test]
fn the_master_key_comes_from_the_place_that_was_said_first() {
    let folder =
        std::env::temp_dir().join(format!("countersign-credentials-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let credential = folder.join("countersign-master-key");
    std::fs::write(&credential, "").unwrap();
    let credentials = ("CREDENTIALS_DIRECTORY", folder.to_str().unwrap());
    let elsewhere = ("CREDENTIALS_DIRECTORY", "/nowhere");
    let file = ("COUNTERSIGN__SECRETS__MASTER_KEY_FILE", "/run/secrets/key");
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let text = ("COUNTERSIGN__SECRETS__MASTER_KEY", key);
    let credential = credential.display().to_string();
    for (variables, expected, origin) in [
        (&[][..], "data/master.key", "default"),
        (&[elsewhere], "data/master.key", "default"),
        (&[credentials], &*credential, "$CREDENTIALS_DIRECTORY"),
        (&[credentials, file], "/run/secrets/key", "$COUNTERSIGN__SECRETS__MASTER_KEY_FILE"),
        (&[text, credentials], "the configuration", "default"),
    ] {
        let (config, sources) = load(GOOD, variables).unwrap();
        assert_eq!(format!("{:?}", config.master_key_source()), expected, "{variables:?}");
        let lines = config.lines(&sources);
        let line = lines.iter().find(|line| line.name == "secrets.master_key_file").unwrap();
        assert_eq!(line.origin.to_string(), origin, "{variables:?}");
    }
    assert!(load(GOOD, &[text, file]).unwrap_err().to_string().contains("not both"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_key_signs_for_as_long_as_the_next_one_is_announced() {
    let with = |days: u64, announce: u64| {
        let keys = format!("{GOOD}\n[keys]\nrotation_days = {days}\nannounce_s = {announce}");
        load(&keys, &[]).map(|(config, _)| config.key_settings())
    };
    assert_eq!(with(0, 7_800).unwrap().rotation, None);
    assert_eq!(with(1, 86_400).unwrap().rotation, Some(Duration::from_secs(86_400)));
    for (days, announce, word) in
        [(1, 86_401, "rotation_days"), (90, 7_799, "announce_s"), (9_999, 7_800, "ten years")]
    {
        let why = with(days, announce).unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn a_pushed_request_waits_for_seconds_or_minutes() {
    let with = |seconds: u64| {
        let section = format!("{GOOD}\n[authorization]\npushed_request_s = {seconds}");
        load(&section, &[]).map(|(config, _)| config.authorization.pushed_request().as_secs())
    };
    for good in [5, 600] {
        assert_eq!(with(good).unwrap(), good);
    }
    for bad in [0, 4, 601] {
        let why = with(bad).unwrap_err().to_string();
        assert!(why.contains("authorization.pushed_request_s"), "{why}");
    }
    let insisting = format!("{GOOD}\n[authorization]\nrequire_pushed = true");
    assert!(load(&insisting, &[]).unwrap().0.authorization.require_pushed);
}

#[test]
fn what_is_offered_has_to_be_something() {
    let refused = |more: &str| load(&format!("{GOOD}\n{more}"), &[]).unwrap_err().to_string();
    for (more, word) in [
        ("[keys]\nalgorithms = [\"HS256\"]", "keys.algorithms"),
        ("[authentication]\nacr = [\"two words\"]", "authentication.acr"),
        ("[authorization]\ndetails_types = [\"\"]", "authorization.details_types"),
    ] {
        assert!(refused(more).contains(word), "{more}");
    }
    let unknown =
        GOOD.replace("redirect_uris", "authorization_details_types = [\"a\"]\nredirect_uris");
    assert!(load(&unknown, &[]).unwrap_err().to_string().contains("details_types"));
    let offered = format!(
        "{unknown}\n[authorization]\ndetails_types = [\"a\"]\n\
        [authentication]\nacr = []\n[keys]\nalgorithms = [\"ES384\", \"ES384\"]"
    );
    let (config, _) = load(&offered, &[]).unwrap();
    assert_eq!(config.offer().details_types, ["a"]);
    assert_eq!(config.offer().acr, [""; 0]);
    assert_eq!(config.algorithms().len(), 1);
    assert_eq!(load(GOOD, &[]).unwrap().0.offer().acr, ["1"]);
}
