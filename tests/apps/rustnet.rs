// SPDX-License-Identifier: Apache-2.0
// Sockets of Rust's standard library, linked statically: a client by name, a
// server and a client of its own, datagrams both ways, time-outs.
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn get(at: &str) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_nodelay(true)?;
    stream.write_all(b"GET /page HTTP/1.0\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    let body = page.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0) + 4;
    Ok(page.len() - body)
}

fn own_server(at: &str) -> std::io::Result<String> {
    let listener = TcpListener::bind(at)?;
    let to = listener.local_addr()?;
    let client = std::thread::spawn(move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(to)?;
        stream.write_all(b"over")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    });
    let (mut stream, from) = listener.accept()?;
    assert_eq!(from, stream.peer_addr()?);
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    stream.write_all(text.to_uppercase().as_bytes())?;
    drop(stream);
    client.join().unwrap()
}

fn datagrams(at: &str) -> std::io::Result<String> {
    let a = UdpSocket::bind(at)?;
    let b = UdpSocket::bind(at)?;
    let mut room = [0; 64];
    a.send_to(b"from a", b.local_addr()?)?;
    let (n, from) = b.recv_from(&mut room)?;
    assert_eq!((n, from), (6, a.local_addr()?));
    b.connect(from)?;
    b.send(b"from b")?;
    let n = a.recv(&mut room)?;
    a.set_read_timeout(Some(Duration::from_millis(20)))?;
    let none = a.recv(&mut [0; 8]).unwrap_err().kind();
    assert_eq!(none, ErrorKind::WouldBlock);
    Ok(String::from_utf8_lossy(&room[..n]).into_owned())
}

fn main() -> std::io::Result<()> {
    for at in std::env::args().skip(1) {
        println!("{}", get(&at)?);
    }
    for at in ["127.0.0.1:0", "[::1]:0"] {
        println!("{} {}", own_server(at)?, datagrams(at)?);
    }
    Ok(())
}
