//! How much memory this process may take, as the system says it.

/// The smallest of what bounds the process: its control groups (`memory.max`, `memory.high`), the limits on its data and its
/// address space, and the memory of the machine. `None` where the system tells none of these.
pub(super) fn memory_bytes() -> Option<u64> {
    smallest(&|path| std::fs::read_to_string(path).ok())
}

fn smallest(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    });
    let limits = read("/proc/self/limits").unwrap_or_default();
    let process = ["Max data size", "Max address space"]
        .into_iter()
        .filter_map(|name| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
            // The soft limit; `unlimited` is no number.
            line.split_whitespace().next()?.parse().ok()
        });
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let groups = groups.lines().flat_map(files_of_group);
    let groups = groups.filter_map(|file| read(&file)?.trim().parse().ok());
    machine.into_iter().chain(process).chain(groups).min()
}

/// The files that bound a control group and those around it, of a line of `/proc/self/cgroup`.
fn files_of_group(line: &str) -> Vec<String> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
        return Vec::new();
    };
    let (root, names) = match controllers {
        "" => ("/sys/fs/cgroup", &["memory.max", "memory.high"][..]),
        controllers if controllers.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", &["memory.limit_in_bytes"][..])
        }
        _ => return Vec::new(),
    };
    // In a container the path is the one that the host sees, and the root is the container's own.
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    ends.flat_map(|end| {
        let names = names.iter();
        names.map(move |name| format!("{root}{}/{name}", &path[..end]))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Option<u64> {
        smallest(&|path| {
            let file = files.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_smallest_bound_counts() {
        let memory = ("/proc/meminfo", "MemFree: 5 kB\nMemTotal:        8000 kB\n");
        let limits = |data: &str, space: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax data size     {data}   unlimited   bytes\nMax address space     {space}   9   bytes\n"
            )
        };
        let unlimited = limits("unlimited", "unlimited");
        let all = ("/proc/self/limits", unlimited.as_str());
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[memory, all]), Some(8_192_000));
        for (data, space) in [
            ("4096", "unlimited"),
            ("unlimited", "4096"),
            ("5000", "4096"),
        ] {
            let text = limits(data, space);
            assert_eq!(found(&[memory, ("/proc/self/limits", &text)]), Some(4096));
        }
        let group = ("/proc/self/cgroup", "0::/a.slice/b\n");
        for file in [
            "/sys/fs/cgroup/a.slice/b/memory.max",
            "/sys/fs/cgroup/a.slice/b/memory.high",
            "/sys/fs/cgroup/a.slice/memory.max",
            "/sys/fs/cgroup/memory.max",
        ] {
            assert_eq!(
                found(&[memory, all, group, (file, "1000\n")]),
                Some(1000),
                "{file}"
            );
            assert_eq!(
                found(&[memory, all, group, (file, "max\n")]),
                Some(8_192_000)
            );
        }
        let group = ("/proc/self/cgroup", "5:cpu:/x\n4:cpuset,memory:/y\n");
        let file = "/sys/fs/cgroup/memory/y/memory.limit_in_bytes";
        assert_eq!(found(&[memory, group, (file, "2000\n")]), Some(2000));
    }
}
