//! Keys in byte order, read off the folders: no more of them than a page needs.

use std::ops::ControlFlow;

use cap_std::fs::Dir;

use super::place::{self, Name, RESERVED};
use super::{ListOptions, Listing};

/// Calls `visit` for every plain key in byte order, but for those in folders that `page` has no use for.
///
/// Links to files count as files; links to folders are not entered, as they may lead in a circle.
pub(super) fn plain_keys(
    root: &Dir,
    page: &mut Page,
    visit: &mut dyn FnMut(&mut Page, &str) -> ControlFlow<()>,
) -> std::io::Result<()> {
    enter(root, root, "", page, visit).map(|_| ())
}

fn enter(
    root: &Dir,
    folder: &Dir,
    above: &str,
    page: &mut Page,
    visit: &mut dyn FnMut(&mut Page, &str) -> ControlFlow<()>,
) -> std::io::Result<ControlFlow<()>> {
    let mut keys = Vec::new();
    for entry in folder.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue; // A name that is not UTF-8 is no key.
        };
        if above.is_empty() && name.eq_ignore_ascii_case(RESERVED) {
            continue;
        }
        let kind = entry.file_type()?;
        let key = format!("{above}{name}");
        if kind.is_dir() {
            // Keys within sort as the folder's name with its slash does: `a.b` before `a/b`.
            keys.push(format!("{key}/"));
        } else if kind.is_file()
            || (kind.is_symlink() && root.metadata(&key).is_ok_and(|target| target.is_file()))
        {
            keys.push(key);
        }
    }
    keys.sort_unstable();
    for key in keys {
        let Some(folder_key) = key.strip_suffix('/') else {
            if visit(page, &key).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            continue;
        };
        if page.may_hold(&key) {
            let name = &folder_key[above.len()..];
            // It may be gone since, or be closed to us: then it holds no keys.
            if let Ok(inner) = folder.open_dir(name)
                && enter(root, &inner, &key, page, visit)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// All escaped keys under `folder`, in byte order.
pub(super) fn escaped_keys(folder: &Dir) -> std::io::Result<Vec<String>> {
    let mut keys = Vec::new();
    collect_escaped(folder, "", &mut keys)?;
    keys.sort_unstable();
    Ok(keys)
}

fn collect_escaped(folder: &Dir, above: &str, keys: &mut Vec<String>) -> std::io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        match Name::parse(&name) {
            Some(Name::More(part)) => {
                if let Ok(inner) = folder.open_dir(&name) {
                    collect_escaped(&inner, &format!("{above}{part}"), keys)?;
                }
            }
            Some(Name::Last(part)) => keys.extend(place::unescape(&format!("{above}{part}"))),
            None => {}
        }
    }
    Ok(())
}

/// Takes keys in byte order and keeps those of one page.
pub(super) struct Page {
    options: ListOptions,
    /// The common prefix that was told last: what begins with it is told.
    told: Option<String>,
    last: String,
    count: usize,
    keys: Vec<String>,
    listing: Listing,
}

impl Page {
    pub(super) fn new(options: ListOptions) -> Self {
        let mut page = Self {
            options,
            told: None,
            last: String::new(),
            count: 0,
            keys: Vec::new(),
            listing: Listing::default(),
        };
        page.told = page.common_prefix(&page.options.after).map(str::to_owned);
        page
    }

    /// `key` up to and with the first delimiter behind the prefix.
    fn common_prefix<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self
            .options
            .delimiter
            .as_deref()
            .filter(|d| !d.is_empty())?;
        let rest = key.strip_prefix(self.options.prefix.as_str())?;
        let at = rest.find(delimiter)?;
        Some(&key[..self.options.prefix.len() + at + delimiter.len()])
    }

    fn is_told(&self, key: &str) -> bool {
        self.told
            .as_deref()
            .is_some_and(|told| key.starts_with(told))
    }

    /// Whether a key that begins with `folder` can be on the page.
    pub(super) fn may_hold(&self, folder: &str) -> bool {
        let ListOptions { prefix, after, .. } = &self.options;
        (folder.starts_with(prefix.as_str()) || prefix.starts_with(folder))
            && (after.as_str() < folder || after.starts_with(folder))
            && !self.is_told(folder)
    }

    /// Takes the next key; breaks when the page is full and another would have followed.
    pub(super) fn offer(&mut self, key: &str) -> ControlFlow<()> {
        let wanted = key.starts_with(self.options.prefix.as_str())
            && key > self.options.after.as_str()
            && !self.is_told(key);
        if !wanted {
            return ControlFlow::Continue(());
        }
        if self.count >= self.options.max {
            if self.count > 0 {
                self.listing.next = Some(std::mem::take(&mut self.last));
            }
            return ControlFlow::Break(());
        }
        self.count += 1;
        if let Some(common) = self.common_prefix(key).map(str::to_owned) {
            self.listing.prefixes.push(common.clone());
            self.last.clone_from(&common);
            self.told = Some(common);
        } else {
            self.keys.push(key.to_owned());
            key.clone_into(&mut self.last);
        }
        ControlFlow::Continue(())
    }

    /// The page, its objects still to be filled in, and their keys.
    pub(super) fn finish(self) -> (Listing, Vec<String>) {
        (self.listing, self.keys)
    }
}
