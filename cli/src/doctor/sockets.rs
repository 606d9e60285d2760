//! The configuration's ports, by whom they are taken, and its names.

use std::{
    fs,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs as _},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::Line;
use crate::config::Config;

/// Where elements listen.
const LISTENERS: [(&str, &str); 8] = [
    ("hss", "listen"),
    ("bsf", "listen_ub"),
    ("bsf", "listen_zn"),
    ("naf", "listen"),
    ("naf", "listen_tls"),
    ("hss", "ops.listen"),
    ("bsf", "ops.listen"),
    ("naf", "ops.listen"),
];

/// Whom they call.
const ENDPOINTS: [(&str, &str); 3] = [("bsf", "hss"), ("naf", "bsf"), ("ue", "bsf")];

/// How long the system may look for a name.
const RESOLVE: Duration = Duration::from_secs(5);

/// Ports and names of the tables that the file has.
pub(super) fn look(config: &Config) -> Vec<Line> {
    let mut bound = Vec::new();
    let mut lines = Vec::new();
    for (table, key) in LISTENERS {
        if let (true, Ok(address)) = (config.has_table(table), config.get(table, key)) {
            lines.push(port(&format!("{table}.{key}"), address, &mut bound));
        }
    }
    for (table, key) in ENDPOINTS {
        if let (true, Ok(endpoints)) = (config.has_table(table), config.list::<String>(table, key)) {
            lines.extend(
                endpoints
                    .iter()
                    .map(|endpoint| name(&format!("{table}.{key}"), endpoint)),
            );
        }
    }
    lines
}

/// Listens there, and goes on until all have been looked at: two of one configuration must not have one port.
fn port(check: &str, address: SocketAddr, bound: &mut Vec<(String, SocketAddr, TcpListener)>) -> Line {
    let e = match TcpListener::bind(address) {
        Ok(listener) => {
            bound.push((check.to_owned(), address, listener));
            return if address.port() == 0 {
                Line::ok(check, format!("{address}: any free port"))
            } else {
                Line::ok(check, format!("{address} is free"))
            };
        }
        Err(e) => e,
    };
    let same = bound.iter().find(|(_, other, _)| other.port() == address.port());
    match (e.kind(), same) {
        (ErrorKind::AddrInUse, Some((other, ..))) => Line::failed(
            check,
            format!("{address} is also that of {other}"),
            "choose another port for one of them",
        ),
        (ErrorKind::AddrInUse, None) => {
            let by = holder(address).unwrap_or_else(|| "another program".into());
            Line::failed(
                check,
                format!("{address} is taken by {by}"),
                "right if that is the element you mean; else stop it, or choose another port",
            )
        }
        (ErrorKind::AddrNotAvailable, _) => Line::failed(
            check,
            format!("{address}: no interface of this host has that address"),
            "choose one of those that `ip address` shows",
        ),
        (ErrorKind::PermissionDenied, _) => Line::failed(
            check,
            format!("{address}: this user may not listen there"),
            "choose a port from 1024 on, or give CAP_NET_BIND_SERVICE",
        ),
        _ => Line::failed(check, format!("{address}: {e}"), "choose another address"),
    }
}

/// Who listens there, as far as /proc tells this user: `gba (process 4711)`.
fn holder(address: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let inodes: Vec<_> = tables
        .iter()
        .flat_map(|table| listening(table, address.port()))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((id, entry.path()))
    });
    for (id, path) in processes {
        let Ok(files) = fs::read_dir(path.join("fd")) else {
            // Another user's.
            continue;
        };
        let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if targets
            .filter_map(|target| target.into_os_string().into_string().ok())
            .any(|target| inodes.contains(&target))
        {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            // The name is the program's own choice.
            let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
            return Some(format!("{name} (process {id})"));
        }
    }
    None
}

/// The inodes of sockets that listen on a port, of a table such as /proc/net/tcp.
fn listening(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let local = format!(":{port:04X}");
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_whitespace().skip(1);
        let address = fields.next()?;
        let state = fields.nth(1)?;
        (address.ends_with(&local) && state == "0A").then_some(())?;
        fields.nth(5)
    })
}

/// A host and port that an element calls.
fn name(check: &str, endpoint: &str) -> Line {
    if endpoint.parse::<SocketAddr>().is_ok() {
        return Line::ok(check, format!("{endpoint}, an address"));
    }
    let (tell, told) = mpsc::channel();
    let asked = endpoint.to_owned();
    // The system's resolver can't be told how long to try, so it is left alone after a while.
    thread::spawn(move || {
        let found = asked
            .to_socket_addrs()
            .map(|all| all.map(|a| a.ip()).collect::<Vec<IpAddr>>());
        let _ = tell.send(found);
    });
    let advice = "write an address instead, or add the name to DNS or /etc/hosts";
    match told.recv_timeout(RESOLVE) {
        Ok(Ok(addresses)) if !addresses.is_empty() => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            Line::ok(check, format!("{endpoint} is {}", addresses.join(", ")))
        }
        Ok(Ok(_)) => Line::failed(check, format!("{endpoint} has no address"), advice),
        Ok(Err(e)) => Line::failed(check, format!("{endpoint}: {e}"), advice),
        Err(_) => Line::failed(
            check,
            format!("{endpoint}: no answer within {} s", RESOLVE.as_secs()),
            advice,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:362C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n   \
             1: 0100007F:362C 0100007F:B0B0 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1\n   \
             2: 0100007F:362D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0 100 0 0 10 0\n";
        assert_eq!(listening(table, 0x362c).collect::<Vec<_>>(), ["4711"]);
        assert_eq!(listening("", 1).count() + listening(table, 1).count(), 0);
    }
}
