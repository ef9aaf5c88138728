//! Free ports.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

/// Below the ports that systems hand out to outgoing connections, so that none of those takes one.
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 340;
const BLOCK: u16 = 64;

/// The ports of this process: a block of which the first port is held open, which keeps other test
/// processes away from the rest.
struct Block {
    first: u16,
    used: u16,
    _held: TcpListener,
}

static BLOCK_IN_USE: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that nothing listens on and that no other test is given while this process
/// lives.
pub fn free_port() -> u16 {
    let mut blocks = BLOCK_IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while let Some(port) = blocks.last_mut().and_then(Block::next_port) {
            if listen(port).is_some() {
                return port;
            }
        }
        blocks.push(Block::claim());
    }
}

impl Block {
    fn claim() -> Self {
        let start = std::process::id() % u32::from(BLOCKS);
        let start = u16::try_from(start).unwrap_or_default();
        (0..BLOCKS)
            .map(|step| FIRST + (start + step) % BLOCKS * BLOCK)
            .find_map(|first| {
                listen(first).map(|held| Self {
                    first,
                    used: 1,
                    _held: held,
                })
            })
            .expect("a block of ports is free")
    }

    fn next_port(&mut self) -> Option<u16> {
        let port = (self.used < BLOCK).then(|| self.first + self.used)?;
        self.used += 1;
        Some(port)
    }
}

fn listen(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}
