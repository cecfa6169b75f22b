//! Resolves what stands on standard input, "KIND NAME" a line, by hickory with the system's configuration. Prints a line for each: KIND,
//! NAME and the words that came of it, parted by tabs.
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};

async fn found(resolver: &TokioResolver, kind: &str, name: &str) -> Result<Vec<String>, NetError> {
    if kind == "host" {
        return Ok(resolver.lookup_ip(name).await?.iter().map(|address| address.to_string()).collect());
    }
    let lookup = if kind == "ptr" {
        let address: std::net::IpAddr = name.parse().expect("an address");
        resolver.reverse_lookup(address).await?
    } else {
        resolver.lookup(name, RecordType::SRV).await?
    };
    Ok(lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::PTR(name) => Some(name.to_string()),
            RData::SRV(srv) => Some(format!("{},{},{},{}", srv.priority, srv.weight, srv.port, srv.target)),
            _ => None,
        })
        .collect())
}

fn problem(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => format!("{:?}", none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("{code:?}"),
        other => other.to_string(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let resolver = Resolver::builder_tokio().expect("a readable resolv.conf").build().expect("a resolver");
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let (kind, name) = line.split_once(' ').expect("KIND NAME");
        let words = found(&resolver, kind, name).await.unwrap_or_else(|error| vec![problem(&error)]);
        println!("{kind}\t{name}\t{}", words.join("\t"));
    }
}
