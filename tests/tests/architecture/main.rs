//! Holds the code to `docs/architecture.md`: which crate may name which, which wing of `shared` may import which. And to
//! what holds everywhere: no file imports in a circle, and no file is too long to be read at once.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Files, circles, imports, read};

/// Lines that a file may have, tests in it not counted.
const MAX_LINES: usize = 500;

/// Files of `src` that are tests themselves, with the reason why they do not lie in `tests`.
const TESTS: [&str; 1] = [
    // Needs the private parts of the folder; compiled under `cfg(test)` alone.
    "shared/storage/src/folder/tests.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page() -> String {
    text(&root().join("docs/architecture.md"))
}

/// The lines of the first block of code in the section of this name.
fn block<'p>(page: &'p str, section: &str) -> Vec<&'p str> {
    let (_, section) = page
        .split_once(&format!("\n## {section}\n"))
        .expect("the section");
    let mut parts = section.split("\n```");
    let block = parts.nth(1).expect("a block of code");
    block.lines().skip(1).collect()
}

/// A manifest of the workspace.
struct Manifest {
    folder: String,
    name: String,
    table: toml::Table,
}

impl Manifest {
    fn all() -> Vec<Self> {
        let parse = |path: &Path| text(path).parse::<toml::Table>().expect("a manifest");
        let workspace = parse(&root().join("Cargo.toml"));
        let members = workspace["workspace"]["members"]
            .as_array()
            .expect("a list");
        let members = members.iter().map(|member| {
            let folder = member.as_str().expect("a folder").to_owned();
            let table = parse(&root().join(&folder).join("Cargo.toml"));
            let name = table["package"]["name"]
                .as_str()
                .expect("a name")
                .to_owned();
            Self {
                folder,
                name,
                table,
            }
        });
        members.collect()
    }

    /// Names of what it depends on outside of its tests, and whether only a feature brings it.
    fn dependencies(&self) -> Vec<(&str, bool)> {
        let mut tables: Vec<&toml::Value> = Vec::new();
        let targets = self.table.get("target").and_then(toml::Value::as_table);
        for of in std::iter::once(&self.table).chain(
            targets
                .into_iter()
                .flat_map(|targets| targets.values().filter_map(toml::Value::as_table)),
        ) {
            tables.extend(of.get("dependencies"));
            tables.extend(of.get("build-dependencies"));
        }
        let tables = tables.into_iter().filter_map(toml::Value::as_table);
        let optional = |value: &toml::Value| value.get("optional") == Some(&true.into());
        tables
            .flatten()
            .map(|(name, value)| (name.as_str(), optional(value)))
            .collect()
    }

    fn files(&self) -> Files {
        let src = root().join(&self.folder).join("src");
        if src.is_dir() {
            read(&src)
        } else {
            Files::new()
        }
    }
}

#[test]
fn crates_name_each_other_as_the_picture_shows() {
    let manifests = Manifest::all();
    let ours: BTreeSet<&str> = manifests
        .iter()
        .map(|manifest| manifest.name.as_str())
        .collect();
    let mut found = BTreeSet::new();
    for manifest in &manifests {
        for (name, optional) in manifest.dependencies() {
            if ours.contains(name) {
                found.insert((manifest.name.as_str(), name, optional));
            }
        }
    }
    let page = page();
    let mut drawn = BTreeSet::new();
    for line in block(&page, "Crates")
        .into_iter()
        .filter(|line| line.starts_with(' '))
    {
        let (from, to, optional) = match (line.split_once(" --> "), line.split_once(" -.-> ")) {
            (Some((from, to)), None) => (from, to, false),
            (None, Some((from, to))) => (from, to, true),
            _ => panic!("not an arrow: {line}"),
        };
        drawn.extend(to.split(" & ").map(|to| (from.trim(), to, optional)));
    }
    assert_eq!(drawn, found);

    let (_, table) = page.split_once("\n| crate |").expect("the table of crates");
    let cells = table
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| "));
    let told: BTreeSet<&str> = cells
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect();
    assert_eq!(told, ours);
}

/// What no arrow shows: who knows AWS, and who knows no runtime.
#[test]
fn only_some_crates_name_what_reaches_outside() {
    let manifests = Manifest::all();
    let who = |begin: &str| {
        let names = manifests.iter().filter(|manifest| {
            let mut names = manifest.dependencies().into_iter();
            names.any(|(name, _)| name.starts_with(begin))
        });
        names
            .map(|manifest| manifest.name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(who("aws-sdk"), ["aws"]);
    assert_eq!(who("lambda"), ["aws"]);
    assert_eq!(who("hyper"), ["mogr"]);
    let on_a_runtime = [
        "download", "mogr", "process", "upload", "shared", "aws", "storage",
    ];
    assert_eq!(who("tokio"), on_a_runtime);
}

#[test]
fn wings_of_the_service_use_only_those_below_them() {
    let page = page();
    let mut floors = BTreeMap::new();
    for (floor, line) in block(&page, "Wings of `shared`").into_iter().enumerate() {
        // One space between the wings of a floor, two or more before what they hold.
        let names = line.split("  ").next().unwrap();
        for name in names.split(' ') {
            assert_eq!(floors.insert(name.to_owned(), floor), None, "{name}");
        }
    }
    let manifests = Manifest::all();
    let shared = manifests
        .iter()
        .find(|manifest| manifest.name == "shared")
        .unwrap();
    let files = shared.files();
    let wing = |file: &str| {
        file.split('/')
            .next()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned()
    };
    let there: BTreeSet<String> = files.keys().map(|file| wing(file)).collect();
    assert_eq!(there, floors.keys().cloned().collect());

    let found = imports(&files, "lib.rs");
    let mut seen = 0;
    for (from, to) in found
        .iter()
        .flat_map(|(from, all)| all.iter().map(move |to| (from, to)))
    {
        if wing(from) != wing(to) {
            seen += 1;
            let below = floors[&wing(from)] < floors[&wing(to)];
            assert!(below, "{from} imports {to}, which is not below it");
        }
    }
    // The finder finds them at all.
    assert!(seen > 40, "{seen}");
}

#[test]
fn no_file_imports_in_a_circle() {
    for manifest in Manifest::all() {
        let files = manifest.files();
        for first in ["lib.rs", "main.rs"]
            .into_iter()
            .filter(|first| files.contains_key(*first))
        {
            let found = imports(&files, first);
            assert_eq!(circles(&found), Vec::<String>::new(), "{}", manifest.folder);
            // Large crates have files that import each other, or the finder is blind.
            let several = files.len() > 4 && first == "lib.rs";
            assert!(
                !several || found.len() * 2 > files.len(),
                "{}",
                manifest.folder
            );
        }
    }
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let mut tests: BTreeSet<&str> = TESTS.into();
    for manifest in Manifest::all() {
        for (name, text) in manifest.files() {
            let name = format!("{}/src/{name}", manifest.folder);
            if tests.remove(name.as_str()) {
                continue;
            }
            let lines = lines_but_tests(&text);
            assert!(
                lines <= MAX_LINES,
                "{name} has {lines} lines; at most {MAX_LINES} are allowed"
            );
        }
    }
    assert!(tests.is_empty(), "these are gone: {tests:?}");
}

/// Lines of a formatted file, without those of modules under `#[cfg(test)]`.
fn lines_but_tests(text: &str) -> usize {
    let mut lines = 0;
    let mut within = false;
    let mut all = text.lines().peekable();
    while let Some(line) = all.next() {
        let module = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && all.peek().is_some_and(module) {
            within = true;
        }
        if !within {
            lines += 1;
        }
        within &= line != "}";
    }
    lines
}

#[test]
fn counts_lines_without_tests() {
    let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
    assert_eq!(lines_but_tests(text), 3);
    assert_eq!(lines_but_tests("#[cfg(test)]\nmod tests;\nfn c() {}\n"), 3);
}

#[test]
fn the_page_names_files_that_are_there() {
    let page = page();
    let names = page.split('`').skip(1).step_by(2);
    let files: Vec<&str> = names
        .filter(|name| name.contains('/') && Path::new(name).extension().is_some())
        .collect();
    assert!(files.len() > 20, "{}", files.len());
    for file in files {
        assert!(root().join(file).is_file(), "{file}");
    }
}

/// The threat model names the test that tries each line of it.
#[test]
fn the_threat_model_names_tests_that_are_there() {
    let path = root().join(".github/SECURITY.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("| what is hostile"));
    let rows: Vec<&str> = lines
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 20, "{}", rows.len());
    let mut code = String::new();
    for folder in ["functions", "shared", "tests"] {
        read_rust(&root().join(folder), &mut code);
    }
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next();
        let names: Vec<&str> = tests
            .into_iter()
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        assert!(!names.is_empty(), "no test stands beside {row}");
        for name in names {
            let function = format!("fn {name}(");
            assert!(
                code.contains(&function),
                "there is no test `{name}`, which holds {row}"
            );
        }
    }
}

/// All Rust code below a folder, but for what is built.
fn read_rust(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            read_rust(&path, code);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            code.push_str(&std::fs::read_to_string(&path).expect("a file"));
        }
    }
}
