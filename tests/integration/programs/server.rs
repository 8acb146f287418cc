// SPDX-License-Identifier: Apache-2.0

//! A server of Rust's standard library, a thread for each connection; each answer is a line
//! `method target status`. It answers what its client asks for, and is no example of HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

fn status_of(target: &str) -> &'static str {
    match target {
        "/moved" => "301 Moved",
        "/missing" => "404 Not Found",
        "/empty" => "204 No Content",
        "/broken" => "500 Broken",
        _ => "200 OK",
    }
}

/// Reads a request; its method and target, or nothing where the connection ends.
fn read_request(from: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                body_bytes = value.trim().parse().unwrap();
            }
        }
    }
    io::copy(&mut from.take(body_bytes), &mut io::sink())?;
    let mut words = first.split(' ').map(String::from);
    Ok(Some((words.next().unwrap(), words.next().unwrap())))
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some((method, target)) = read_request(&mut reader)? {
        let status = status_of(&target);
        write!(stream, "HTTP/1.1 {status}\r\n")?;
        if target != "/empty" {
            write!(stream, "Content-Length: 6\r\n")?;
        }
        write!(stream, "\r\n")?;
        if target != "/empty" && method != "HEAD" {
            stream.write_all(b"hello\n")?;
        }
        println!("{method} {target} {}", &status[..3]);
    }
    Ok(())
}

fn main() {
    let port = std::env::args().nth(1).unwrap();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        std::thread::spawn(move || serve(stream));
    }
}
