//! The open connections: who holds them, and which one ends when another client comes and there is no room.
//!
//! Waiting connections would let whoever opens enough of them, and sends nothing, keep all others out. A fixed share for
//! each address would do the same to a proxy, whose clients all have the one. So every client is let in, and of the
//! address that has most connections the one ends that has been without a request for longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All open connections of a server, of which there are at most `max`.
#[derive(Clone)]
pub(super) struct Connections {
    table: Arc<Mutex<Table>>,
    /// Told when a connection ends, or has no request any more.
    freed: Arc<Notify>,
}

struct Table {
    max: usize,
    open: HashMap<u64, Open>,
    /// Counts up at every change: numbers connections, and orders them by when they were last busy.
    moment: u64,
}

struct Open {
    address: IpAddr,
    /// When its last request was answered, or it was opened; `None` during a request.
    idle_since: Option<u64>,
    end: Arc<Notify>,
}

/// A connection's own entry, which goes with it.
pub(super) struct Connection {
    id: u64,
    connections: Connections,
    end: Arc<Notify>,
}

/// While it exists, its connection has a request, and is not the one to end.
pub(super) struct Busy {
    id: u64,
    connections: Connections,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        let table = Table {
            max: max.max(1),
            open: HashMap::new(),
            moment: 0,
        };
        Self {
            table: Arc::new(Mutex::new(table)),
            freed: Arc::new(Notify::new()),
        }
    }

    /// Lets a connection from `address` in. Where there is no room another ends; where all have requests, this waits.
    pub(super) async fn enter(&self, address: IpAddr) -> Connection {
        loop {
            let freed = self.freed.notified();
            if let Some(connection) = self.try_enter(address) {
                return connection;
            }
            freed.await;
        }
    }

    fn try_enter(&self, address: IpAddr) -> Option<Connection> {
        let mut table = self.table();
        if table.open.len() >= table.max && !table.end_one() {
            return None;
        }
        let end = Arc::new(Notify::new());
        let id = table.next();
        let open = Open {
            address,
            idle_since: Some(id),
            end: Arc::clone(&end),
        };
        table.open.insert(id, open);
        Some(Connection {
            id,
            connections: self.clone(),
            end,
        })
    }

    /// Ends a connection, for what it holds; false where all have requests.
    pub(super) fn end_one(&self) -> bool {
        self.table().end_one()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No change of the table can stop half way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Ends the connection without a request for longest, of the address that has most connections and one such.
    fn end_one(&mut self) -> bool {
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        for open in self.open.values() {
            *held.entry(open.address).or_default() += 1;
        }
        let idle = self.open.iter().filter_map(|(id, open)| {
            let since = open.idle_since?;
            Some((held[&open.address], std::cmp::Reverse(since), *id))
        });
        let Some((_, _, id)) = idle.max() else {
            return false;
        };
        if let Some(open) = self.open.remove(&id) {
            open.end.notify_one();
        }
        true
    }
}

impl Connection {
    /// Done when the connection is to end.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    /// A request has come; it is there until what is given back is dropped.
    pub(super) fn busy(&self) -> Busy {
        if let Some(open) = self.connections.table().open.get_mut(&self.id) {
            open.idle_since = None;
        }
        Busy {
            id: self.id,
            connections: self.connections.clone(),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.id);
        self.connections.freed.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        let moment = table.next();
        if let Some(open) = table.open.get_mut(&self.id) {
            open.idle_since = Some(moment);
        }
        drop(table);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(n: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, n).into()
    }

    /// Who is still there.
    fn open(connections: &Connections, of: &[&Connection]) -> Vec<bool> {
        let table = connections.table();
        of.iter()
            .map(|one| table.open.contains_key(&one.id))
            .collect()
    }

    #[tokio::test]
    async fn the_longest_idle_of_the_address_with_most_ends() {
        let connections = Connections::new(5);
        let enter = |n| connections.try_enter(address(n)).unwrap();
        let (lone, first, second, third, other) =
            (enter(1), enter(2), enter(2), enter(2), enter(3));
        // The first one answers a request: it is idle for less long than the second.
        drop(first.busy());
        let next = enter(3);
        second.ended().await;
        let of = [&lone, &first, &second, &third, &other, &next];
        assert_eq!(
            open(&connections, &of),
            [true, true, false, true, true, true]
        );
        // Two have two each: the longest idle of both.
        let last = enter(4);
        third.ended().await;
        let of = [&lone, &first, &third, &other, &next, &last];
        assert_eq!(
            open(&connections, &of),
            [true, true, false, true, true, true]
        );
    }

    #[tokio::test]
    async fn a_connection_with_a_request_never_ends_for_another() {
        let connections = Connections::new(2);
        let enter = |n| connections.try_enter(address(n));
        let (one, two) = (enter(1).unwrap(), enter(1).unwrap());
        let (busy, also_busy) = (one.busy(), two.busy());
        assert!(enter(2).is_none() && !connections.end_one());
        let waits = connections.enter(address(2));
        tokio::pin!(waits);
        let now = std::future::ready(());
        tokio::select! {
            biased;
            _ = &mut waits => panic!("both have requests"),
            () = now => {}
        }
        drop(busy);
        let three = waits.await;
        one.ended().await;
        assert_eq!(
            open(&connections, &[&one, &two, &three]),
            [false, true, true]
        );
        drop((also_busy, two, three));
        assert_eq!(connections.table().open.len(), 0);
    }
}
