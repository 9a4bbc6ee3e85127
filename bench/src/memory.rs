//! What a process holds in memory, from `/proc`.

/// Resident memory in MiB, from the text of `/proc/PID/status`.
pub(crate) fn resident_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// The same of this process.
pub(crate) fn own_resident_mib() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    resident_mib(&status).ok_or_else(|| "no VmRSS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{own_resident_mib, resident_mib};

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident_mib("VmHWM:\t 9 kB\nVmRSS:\t  2048 kB\n"), Some(2.0));
        assert_eq!(resident_mib("VmHWM:\t 9 kB\n"), None);
        assert!(own_resident_mib().unwrap() > 0.1);
    }
}
