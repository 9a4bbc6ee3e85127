//! `cargo xtask supply`: enforces deny.toml offline, for those without cargo-deny.

mod spdx;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};

use serde_json::Value;

use crate::machine;
use crate::step::{Run, Verdict, cargo};

pub(crate) fn run() -> ExitCode {
    let mut run = Run::new(&[]);
    add_steps(&mut run);
    run.finish()
}

pub(crate) fn add_steps(run: &mut Run) {
    run.step("supply", verdict);
    // An extra for those who have it; the step above covers the same rules.
    if machine::find("cargo-deny").is_some() {
        let words = ["deny", "--offline", "check", "bans", "licenses", "sources"];
        run.command("supply: cargo-deny", cargo(&words));
    }
}

fn verdict() -> Verdict {
    match check() {
        Ok(report) if report.problems.is_empty() => {
            println!("{} packages, all within deny.toml", report.packages);
            for (name, versions) in &report.several {
                println!("note: several versions of {name}: {}", versions.join(", "));
            }
            Verdict::Passed
        }
        Ok(report) => {
            for problem in &report.problems {
                println!("{problem}");
            }
            Verdict::Failed(format!("{} problems", report.problems.len()))
        }
        Err(error) => Verdict::Failed(error),
    }
}

struct Report {
    packages: usize,
    problems: Vec<String>,
    several: BTreeMap<String, Vec<String>>,
}

fn check() -> Result<Report, String> {
    let rules = std::fs::read_to_string("deny.toml").map_err(|error| error.to_string())?;
    let rules = Rules::parse(&rules)?;
    let format = ["metadata", "--locked", "--offline", "--format-version", "1", "--all-features"];
    let metadata = output(cargo(&format))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let tree = output(cargo(&[
        "tree",
        "--workspace",
        "--locked",
        "--offline",
        "--all-features",
        "--target",
        "all",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let packages = packages(&metadata, &in_use(&tree));
    let mut several = versions(&packages);
    several.retain(|_, versions| versions.len() > 1);
    let problems = packages.iter().flat_map(|package| rules.problems(package)).collect();
    Ok(Report { packages: packages.len(), problems, several })
}

fn output(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The lock file, and so the metadata, also names packages that no feature turns on.
/// `cargo tree` knows which ones are built: lines of `name vVERSION …`.
fn in_use(tree: &str) -> BTreeSet<(String, String)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let version = words.next()?.strip_prefix('v')?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}

#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` is a folder of this machine.
    source: Option<String>,
    /// Whether the package lies in this workspace.
    member: bool,
}

fn packages(metadata: &Value, in_use: &BTreeSet<(String, String)>) -> Vec<Package> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let members: Vec<&str> =
        list(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
    list(&metadata["packages"])
        .map(|package| Package {
            name: text(&package["name"]).unwrap_or_default(),
            version: text(&package["version"]).unwrap_or_default(),
            license: text(&package["license"]),
            source: text(&package["source"]),
            member: package["id"].as_str().is_some_and(|id| members.contains(&id)),
        })
        .filter(|package| in_use.contains(&(package.name.clone(), package.version.clone())))
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn versions(packages: &[Package]) -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        versions.entry(package.name.clone()).or_default().push(package.version.clone());
    }
    versions
}

/// The part of deny.toml that is enforced here.
#[derive(Debug)]
struct Rules {
    licenses: Vec<String>,
    banned: BTreeMap<String, String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self, String> {
        let file: toml::Table =
            toml::from_str(text).map_err(|error| format!("deny.toml: {error}"))?;
        let array = |section: &str, name: &str| -> Result<Vec<toml::Value>, String> {
            let value = file.get(section).and_then(|section| section.get(name));
            value
                .and_then(toml::Value::as_array)
                .cloned()
                .ok_or_else(|| format!("deny.toml: {section}.{name} is no list"))
        };
        let text = |value: &toml::Value, name: &str| {
            value.get(name).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        let licenses = array("licenses", "allow")?;
        let licenses = licenses.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect();
        let banned = array("bans", "deny")?;
        let banned = banned.iter().map(|ban| (text(ban, "crate"), text(ban, "reason"))).collect();
        Ok(Self { licenses, banned })
    }

    fn problems(&self, package: &Package) -> Vec<String> {
        let Package { name, version, license, source, member } = package;
        let mut problems = Vec::new();
        if let Some(reason) = self.banned.get(name) {
            problems.push(format!("{name} {version}: banned: {reason}"));
        }
        match license {
            None => problems.push(format!("{name} {version}: names no licence")),
            Some(license) => match spdx::allows(license, &self.licenses) {
                Ok(true) => {}
                Ok(false) => problems.push(format!("{name} {version}: licence {license}")),
                Err(error) => problems.push(format!("{name} {version}: `{license}`: {error}")),
            },
        }
        match source {
            Some(source) if source.starts_with("registry+") && is_crates_io(source) => {}
            Some(source) => problems.push(format!("{name} {version}: comes from {source}")),
            None if *member => {}
            None => problems.push(format!("{name} {version}: a folder outside this workspace")),
        }
        problems
    }
}

fn is_crates_io(source: &str) -> bool {
    source.ends_with("/rust-lang/crates.io-index")
}

#[cfg(test)]
mod tests {
    use super::{Package, Rules, in_use};

    const RULES: &str = "[licenses]\nallow = ['MIT', 'ISC']\n\
                         [bans]\ndeny = [{ crate = 'ring', reason = 'one backend' }]";

    fn problems(change: impl FnOnce(&mut Package)) -> Vec<String> {
        let mut package = Package {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT OR GPL-3.0".to_owned()),
            source: Some("registry+https://host.example/rust-lang/crates.io-index".to_owned()),
            member: false,
        };
        change(&mut package);
        Rules::parse(RULES).expect("the rules are well formed").problems(&package)
    }

    #[test]
    fn a_package_within_the_rules_passes() {
        assert_eq!(problems(|_| {}), Vec::<String>::new());
        let member = |package: &mut Package| {
            package.source = None;
            package.member = true;
        };
        assert_eq!(problems(member), Vec::<String>::new());
    }

    #[test]
    fn each_rule_can_fail() {
        let ban = problems(|package| package.name = "ring".to_owned());
        assert_eq!(ban, ["ring 1.0.0: banned: one backend"]);
        let copyleft = problems(|package| package.license = Some("GPL-3.0".to_owned()));
        assert_eq!(copyleft, ["a 1.0.0: licence GPL-3.0"]);
        let none = problems(|package| package.license = None);
        assert_eq!(none, ["a 1.0.0: names no licence"]);
        let git =
            problems(|package| package.source = Some("git+https://host.example/a".to_owned()));
        assert_eq!(git, ["a 1.0.0: comes from git+https://host.example/a"]);
        let folder = problems(|package| package.source = None);
        assert_eq!(folder, ["a 1.0.0: a folder outside this workspace"]);
    }

    #[test]
    fn rules_without_lists_are_refused() {
        assert!(Rules::parse("[licenses]\nallow = ['MIT']").is_err());
        assert!(Rules::parse("[bans]\ndeny = []").is_err());
        assert!(Rules::parse("[licenses").is_err());
    }

    #[test]
    fn reads_what_cargo_tree_prints() {
        let used =
            in_use("a v1.0.0 (/some/where)\nb v2.1.0-rc.1 (proc-macro)\n\nb v2.1.0-rc.1 (*)\n");
        let used: Vec<_> = used.iter().map(|(name, version)| (&**name, &**version)).collect();
        assert_eq!(used, [("a", "1.0.0"), ("b", "2.1.0-rc.1")]);
    }
}
