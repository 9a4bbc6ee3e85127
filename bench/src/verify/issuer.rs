//! An issuer that publishes one key set and one snapshot of revocations, as fast as it can, and
//! confirms every second that there is nothing newer.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) struct Issuer {
    listener: TcpListener,
    pub(super) url: String,
}

struct Documents {
    metadata: String,
    jwks: String,
    /// The number of the snapshot; the feed stays there.
    seq: u64,
    snapshot: String,
}

impl Issuer {
    pub(super) async fn bind() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self { listener, url: format!("http://{address}") })
    }

    /// Serves until the runtime ends. `snapshot` is all that is revoked, up to `seq`.
    pub(super) fn serve(self, jwks: String, seq: u64, snapshot: String) {
        let url = &self.url;
        let metadata = serde_json::json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "revocation_feed_endpoint": format!("{url}/feed"),
            "revocation_snapshot_endpoint": format!("{url}/snapshot"),
        });
        let metadata = metadata.to_string();
        let documents = Arc::new(Documents { metadata, jwks, seq, snapshot });
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                // Who hangs up is not missed.
                tokio::spawn(answer(stream, documents.clone()));
            }
        });
    }
}

async fn answer(mut stream: TcpStream, documents: Arc<Documents>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path == "/feed" {
        return feed(stream, documents.seq).await;
    }
    let body = match path {
        "/jwks" => &documents.jwks,
        "/snapshot" => &documents.snapshot,
        _ => &documents.metadata,
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=3600\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

async fn feed(mut stream: TcpStream, seq: u64) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    loop {
        let beat = format!("event: heartbeat\ndata: {{\"seq\":{seq}}}\n\n");
        stream.write_all(beat.as_bytes()).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
