//! Any bytes as what an engine says to a worker, and as what a worker says: each line is answered or
//! refused, and what is understood survives being said again.

#![no_main]

use ablate::engine;
use ablate::engine::Reply;
use ablate::engine::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut said = Vec::new();
    engine::serve(&[], 0, bytes, &mut said, || {});
    let mut replies = said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut reply = || replies.next().map(|line| serde_json::from_slice::<Reply>(line));
    assert!(matches!(reply(), Some(Ok(Reply::Ready { cuda_devices: 0, .. }))));
    while let Some(told) = reply() {
        assert!(matches!(told, Ok(Reply::Failed { fit: true, .. })), "{told:?}");
    }
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        let text = serde_json::to_vec(&request).expect("it can be said");
        assert_eq!(serde_json::from_slice::<Request>(&text).expect("it was said"), request);
    }
    if let Ok(reply) = serde_json::from_slice::<Reply>(bytes) {
        let text = serde_json::to_vec(&reply).expect("it can be said");
        assert_eq!(serde_json::from_slice::<Reply>(&text).expect("it was said"), reply);
    }
});
