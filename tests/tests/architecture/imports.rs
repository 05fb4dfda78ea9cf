//! Which file of a crate imports which, read from the tokens of its source.
//!
//! A path leads to the file that defines its item: through `crate`, `self`, `super`, child modules, the names that a file
//! has imported, and names that another file passes on (`pub use`). `mod x;` alone imports nothing, and neither does the
//! name of a module of which nothing is used. What stands under `#[cfg(test)]` is not looked at. Calls of methods name
//! no file, so that they are not seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Paths in `src`, with `/`, and what each file holds.
pub(crate) type Files = BTreeMap<String, String>;

/// For each file that imports another: those that it imports.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

/// All Rust files in a folder and those below it.
pub(crate) fn read(src: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder);
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a file or folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(src).expect("below").to_str();
                let name = name.expect("UTF-8").replace('\\', "/");
                let text = fs::read_to_string(&path);
                files.insert(
                    name,
                    text.unwrap_or_else(|e| panic!("{}: {e}", path.display())),
                );
            }
        }
    }
    files
}

/// The imports among the files of one crate, whose first file is `root`.
pub(crate) fn imports(files: &Files, root: &str) -> Imports {
    let mut tree = Tree::default();
    tree.load(files, root, &Vec::new());
    let mut imports = Imports::new();
    for (at, module) in &tree.modules {
        for path in &module.paths {
            if let Some(file) = tree.definer(at, path)
                && file != module.file
            {
                imports.entry(module.file.clone()).or_default().insert(file);
            }
        }
    }
    imports
}

/// The shortest way from each file that is in a circle back to it, each circle once.
pub(crate) fn circles(imports: &Imports) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for first in imports.keys() {
        let mut from = BTreeMap::new();
        let mut queue = VecDeque::from([first]);
        while let Some(file) = queue.pop_front() {
            for next in imports.get(file).into_iter().flatten() {
                if !from.contains_key(next) {
                    from.insert(next, file);
                    queue.push_back(next);
                }
            }
        }
        if !from.contains_key(first) {
            continue;
        }
        let mut way = vec![first.as_str()];
        let mut file = from[first];
        while file != first {
            way.push(file);
            file = from[file];
        }
        way.push(first);
        way.reverse();
        if told.insert(way.iter().copied().collect::<BTreeSet<_>>()) {
            circles.push(way.join(" -> "));
        }
    }
    circles
}

/// The segments of a path, or the names of nested modules.
type Segments = Vec<String>;

/// The modules of a crate by their paths; the root's is empty.
#[derive(Default)]
struct Tree {
    modules: BTreeMap<Segments, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// Every path in it, those of `use` among them.
    paths: BTreeSet<Segments>,
    /// What `use` calls something here, and the path that it stands for.
    names: BTreeMap<String, Segments>,
}

impl Tree {
    fn load(&mut self, files: &Files, file: &str, at: &Segments) {
        let text = &files[file];
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        self.walk(files, file, at, tokens);
    }

    /// The file of a module that is declared in `file`.
    fn file_of(files: &Files, file: &str, at: &[String], name: &str) -> String {
        let mut folder = at.join("/");
        if !folder.is_empty() {
            folder.push('/');
        }
        let candidates = [
            format!("{folder}{name}.rs"),
            format!("{folder}{name}/mod.rs"),
        ];
        let found = candidates.into_iter().find(|path| files.contains_key(path));
        found.unwrap_or_else(|| panic!("{file}: `mod {name};` has no file"))
    }

    fn walk(&mut self, files: &Files, file: &str, at: &Segments, tokens: TokenStream) {
        let module = self.modules.entry(at.clone()).or_default();
        file.clone_into(&mut module.file);
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut i = 0;
        while i < tokens.len() {
            if is_punct(tokens.get(i), '#') && is_cfg_test(tokens.get(i + 1)) {
                i = end_of_item(&tokens, i + 2);
                continue;
            }
            match (word(tokens.get(i)).as_deref(), word(tokens.get(i + 1))) {
                (Some("mod"), Some(name)) => {
                    let mut child = at.clone();
                    child.push(name.clone());
                    match tokens.get(i + 2) {
                        Some(TokenTree::Group(body)) => {
                            self.walk(files, file, &child, body.stream());
                        }
                        _ => self.load(files, &Self::file_of(files, file, at, &name), &child),
                    }
                    i += 3;
                }
                (Some("use"), _) if !is_punct(tokens.get(i + 1), '<') => {
                    let end = i + tokens[i..]
                        .iter()
                        .take_while(|t| !is_punct(Some(t), ';'))
                        .count();
                    self.take_use(at, &[], &tokens[i + 1..end]);
                    i = end;
                }
                (Some(_), _) => {
                    let (path, end) = path_at(&tokens, i);
                    if path.len() > 1 {
                        self.module(at).paths.insert(path);
                    }
                    i = end;
                }
                (None, _) => {
                    if let TokenTree::Group(group) = &tokens[i] {
                        self.walk(files, file, at, group.stream());
                    }
                    i += 1;
                }
            }
        }
    }

    fn module(&mut self, at: &[String]) -> &mut Module {
        self.modules.get_mut(at).expect("it is being walked")
    }

    /// Takes one tree of a `use`: `a::b`, `a::b as c`, `a::{b, c::d}`, `a::*`.
    fn take_use(&mut self, at: &Segments, before: &[String], tokens: &[TokenTree]) {
        let start = tokens.iter().take_while(|t| is_punct(Some(t), ':')).count();
        let (tail, end) = path_at(tokens, start);
        let path: Segments = before.iter().cloned().chain(tail).collect();
        match tokens.get(end..) {
            Some(
                [TokenTree::Group(group)]
                | [
                    TokenTree::Punct(_),
                    TokenTree::Punct(_),
                    TokenTree::Group(group),
                ],
            ) => {
                let items: Vec<TokenTree> = group.stream().into_iter().collect();
                for item in items.split(|token| is_punct(Some(token), ',')) {
                    if !item.is_empty() {
                        self.take_use(at, &path, item);
                    }
                }
            }
            Some([.., TokenTree::Punct(star)]) if star.as_char() == '*' => {
                // Some item of that module.
                let item = path.into_iter().chain(["*".to_owned()]).collect();
                self.module(at).paths.insert(item);
            }
            rest => {
                let mut path = path;
                if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                    path.pop();
                }
                let alias = rest.and_then(|rest| match rest {
                    [r#as, name] if word(Some(r#as)).as_deref() == Some("as") => word(Some(name)),
                    _ => path.last().cloned(),
                });
                let module = self.module(at);
                if let Some(alias) = alias {
                    module.names.insert(alias, path.clone());
                }
                module.paths.insert(path);
            }
        }
    }

    /// The file that defines what `path` names in the module `at`; `None` if that is another crate's, or a module.
    fn definer(&self, at: &[String], path: &[String]) -> Option<String> {
        self.resolve(at, path, 0)
    }

    fn resolve(&self, at: &[String], path: &[String], depth: usize) -> Option<String> {
        let follow = |here: &[String], name: &String, rest: &[String]| {
            let meant = self.modules[here].names.get(name)?;
            let whole: Segments = meant.iter().chain(rest).cloned().collect();
            // `pub use storage;` means a crate of that name.
            ((here, &whole[..]) != (at, path) && depth < 16)
                .then(|| self.resolve(here, &whole, depth + 1))
        };
        let child = |here: &[String], name: &String| {
            let child: Segments = here.iter().chain([name]).cloned().collect();
            self.modules.contains_key(&child).then_some(child)
        };
        let (first, mut rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.to_vec(),
            "super" => at[..at.len() - 1].to_vec(),
            _ => match follow(at, first, rest) {
                Some(found) => return found,
                None => child(at, first)?,
            },
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                here.pop();
            } else if let Some(child) = child(&here, name) {
                // A function may be passed on under the name of its module.
                if after.is_empty()
                    && let Some(Some(found)) = follow(&here, name, after)
                {
                    return Some(found);
                }
                here = child;
            } else if let Some(found) = follow(&here, name, after) {
                return found;
            } else {
                return Some(self.modules[&here].file.clone());
            }
            rest = after;
        }
        None
    }
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn is_cfg_test(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// The words of the path that begins at `i`, and where it ends.
fn path_at(tokens: &[TokenTree], mut i: usize) -> (Segments, usize) {
    let mut path = Vec::new();
    while let Some(segment) = word(tokens.get(i)) {
        path.push(segment);
        i += 1;
        let goes_on = is_punct(tokens.get(i), ':') && is_punct(tokens.get(i + 1), ':');
        if !goes_on || word(tokens.get(i + 2)).is_none() {
            break;
        }
        i += 2;
    }
    (path, i)
}

/// Where the item ends that begins at `i`: after its body in braces, or its semicolon.
fn end_of_item(tokens: &[TokenTree], i: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(Some(token), ';'),
    };
    let found = tokens[i..].iter().position(is_end);
    found.map_or(tokens.len(), |at| i + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of a small crate and `a.rs` with this text; says what `a.rs` imports.
    #[track_caller]
    fn found(text: &str) -> String {
        let files = Files::from(
            [
                (
                    "lib.rs",
                    "mod a; mod b; mod c; pub use b::Passed; pub use outside::Other;",
                ),
                ("a.rs", text),
                (
                    "b.rs",
                    "pub struct Passed; pub use super::c::deep::Further;",
                ),
                ("c/mod.rs", "pub mod deep; pub mod deeper; pub struct Own;"),
                ("c/deep.rs", ""),
                ("c/deeper.rs", ""),
                ("a/child.rs", "use super::Passed;"),
                ("a/tests.rs", "use crate::b::B;"),
            ]
            .map(|(name, text)| (name.to_owned(), text.to_owned())),
        );
        let imports = imports(&files, "lib.rs");
        let of_a = imports.get("a.rs").into_iter().flatten().cloned();
        of_a.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn finds_imports_in_every_form() {
        for (text, expected) in [
            ("use crate::b::B;", "b.rs"),
            ("use super::b::B as C;", "b.rs"),
            (
                "pub(crate) use crate::{b::B, c::{Own, deep::{self, D}}};",
                "b.rs c/deep.rs c/mod.rs",
            ),
            ("use crate::b::*;", "b.rs"),
            ("mod child; use child::C;", "a/child.rs"),
            ("mod child; use self::child::C;", "a/child.rs"),
            ("mod child; fn f() { child::g(); }", "a/child.rs"),
            (
                "fn f() -> crate::b::B { super::c::deep::g::<crate::c::Own>() }",
                "b.rs c/deep.rs c/mod.rs",
            ),
            (
                "macro_rules! m { () => { $crate::c::deep::g() } }",
                "c/deep.rs",
            ),
            ("fn f() { say!(\"{}\", crate::b::g()); }", "b.rs"),
            ("#[arg(default = crate::b::B)] struct S;", "b.rs"),
            ("mod inline { use super::super::b::B; }", "b.rs"),
            // The name of a module is no import; what is used of it is one.
            ("use crate::c; fn f() { c::deep::g(); }", "c/deep.rs"),
            ("use crate::c::{deep as d}; fn f() { d::g(); }", "c/deep.rs"),
            ("use crate::c;", ""),
            // What is passed on leads to where it is defined.
            ("use crate::Passed;", "b.rs"),
            ("use crate::b::Further;", "c/deep.rs"),
            ("use crate::Other;", ""),
            ("mod child; use super::b::Passed;", "b.rs"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn finds_no_import_where_there_is_none() {
        for text in [
            "mod child;",
            "use b::B; fn f() { std::mem::drop(b::g()) }",
            "/// [`crate::b::B`]\nfn f() { \"crate::b::B\" } // crate::b::B",
            "#[cfg(test)]\nmod tests;",
            "#[cfg(test)]\nmod tests { use crate::b::B; }\n#[cfg(test)]\nuse crate::b::B;",
            "fn f(&self) -> impl Fn() + use<'_> { Self::g(self) }",
        ] {
            assert_eq!(found(text), "", "{text}");
        }
        // The item after one under `cfg(test)` is looked at again.
        assert_eq!(found("#[cfg(test)] fn f() {} use crate::b::B;"), "b.rs");
    }

    #[test]
    fn finds_circles() {
        let told = |imports: &[(&str, &[&str])]| {
            let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let imports = imports
                .iter()
                .map(|(from, to)| ((*from).to_owned(), set(to)));
            circles(&imports.collect())
        };
        assert!(told(&[("a", &["b", "c"]), ("b", &["c"])]).is_empty());
        assert_eq!(told(&[("a", &["b"]), ("b", &["a"])]), ["a -> b -> a"]);
        let three: &[(&str, &[&str])] = &[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["b"]),
            ("d", &["e"]),
            ("e", &["f"]),
            ("f", &["d"]),
        ];
        assert_eq!(told(three), ["b -> c -> b", "d -> e -> f -> d"]);
    }
}
