//! Keys in byte order, read off the folders: no more of them than a page needs.

use std::ops::ControlFlow;
use std::path::Path;

use cap_std::fs::{Dir, ReadDir};

use crate::key::ObjectKey;
use crate::storage::{ListOptions, Listing};

use super::place::{self, Name, RESERVED};

/// Bytes of the longest escaped key: three for each of its own.
const ESCAPED_BYTES: usize = 3 * ObjectKey::MAX_BYTES;

/// Calls `visit` for every plain key in byte order, but for those in folders that `page` has no use for.
///
/// - Links to files count as files; links to folders are not entered, as they may lead in a circle.
/// - One folder is open at a time, however deep they lie; folders deeper than a key has slashes hold no keys.
pub(super) fn plain_keys(
    root: &Dir,
    page: &mut Page,
    visit: &mut dyn FnMut(&mut Page, &str) -> ControlFlow<()>,
) -> std::io::Result<()> {
    enter(root, root.entries()?, "", page, visit).map(|_| ())
}

/// `above` is the folder's path with a slash at its end, and `entries` is closed before a folder in it is opened.
fn enter(
    root: &Dir,
    entries: ReadDir,
    above: &str,
    page: &mut Page,
    visit: &mut dyn FnMut(&mut Page, &str) -> ControlFlow<()>,
) -> std::io::Result<ControlFlow<()>> {
    let mut keys = Vec::new();
    let deepest = above.matches('/').count() == ObjectKey::MAX_SLASHES;
    for entry in entries {
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
            if !deepest {
                // Keys within sort as the folder's name with its slash does: `a.b` before `a/b`.
                keys.push(format!("{key}/"));
            }
        } else if kind.is_file()
            || (kind.is_symlink() && root.metadata(&key).is_ok_and(|target| target.is_file()))
        {
            keys.push(key);
        }
    }
    keys.sort_unstable();
    for key in keys {
        let Some(folder) = key.strip_suffix('/') else {
            if visit(page, &key).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            continue;
        };
        if page.may_hold(&key) {
            // It may be gone since, or be closed to us: then it holds no keys.
            if let Ok(inner) = root.read_dir(folder)
                && enter(root, inner, &key, page, visit)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// All escaped keys under `folder`, in byte order. One folder is open at a time.
pub(super) fn escaped_keys(root: &Dir, folder: &Path) -> std::io::Result<Vec<String>> {
    let mut keys = Vec::new();
    // Paths, and the text that their names make.
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((path, above)) = folders.pop() {
        // It may be gone since, or be closed to us: then it holds no keys.
        for entry in root.read_dir(&path).into_iter().flatten() {
            let Ok(name) = entry?.file_name().into_string() else {
                continue;
            };
            match Name::parse(&name) {
                // A text longer than every key is none of ours.
                Some(Name::More(part)) if above.len() <= ESCAPED_BYTES => {
                    folders.push((path.join(&name), format!("{above}{part}")));
                }
                Some(Name::Last(part)) => keys.extend(place::unescape(&format!("{above}{part}"))),
                Some(Name::More(_)) | None => {}
            }
        }
    }
    keys.sort_unstable();
    Ok(keys)
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

    /// `key` up to and with the first delimiter after the prefix.
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Open files of this process that lie under `path`.
    fn open_under(path: &Path) -> usize {
        let open = std::fs::read_dir("/proc/self/fd").expect("Linux tells open files");
        let targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.filter(|target| target.starts_with(path)).count()
    }

    /// However deep the folders lie, one is open at a time, and keys end where a key may have no further slash.
    #[test]
    fn deep_folders_are_walked_with_one_of_them_open() {
        let outside = tempfile::tempdir().unwrap();
        // A component at a time: the whole path is longer than the system takes.
        let mut at = Dir::open_ambient_dir(outside.path(), cap_std::ambient_authority()).unwrap();
        for _ in 0..400 {
            at.write("file", b"").unwrap();
            at.create_dir("folder").unwrap();
            at = at.open_dir("folder").unwrap();
        }
        drop(at);
        let root = Dir::open_ambient_dir(outside.path(), cap_std::ambient_authority()).unwrap();
        let mut page = Page::new(ListOptions {
            prefix: String::new(),
            delimiter: None,
            after: String::new(),
            max: 1000,
        });
        let (mut most, mut deepest) = (0, 0);
        let walked = plain_keys(&root, &mut page, &mut |page, key| {
            most = most.max(open_under(outside.path()));
            deepest = deepest.max(key.matches('/').count());
            page.offer(key)
        });
        walked.unwrap();
        assert_eq!(most, 1, "the root alone is open where a key is visited");
        assert_eq!(deepest, ObjectKey::MAX_SLASHES);
        assert_eq!(page.finish().1.len(), ObjectKey::MAX_SLASHES + 1);
    }
}
