//! One thread for each stream that is loaded.
//!
//! The allocator keeps freed memory per thread. On threads that take turns, as a runtime has them, each would keep some,
//! and the rows of a load would pass through all of them: that costs a tenth more time, and memory.

use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use spile_model::{Failure, FailureKind};
use tokio::sync::oneshot;

type Call<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A value that lives on a thread of its own, which ends with it.
pub(crate) struct OwnThread<T> {
    calls: Option<mpsc::SyncSender<Call<T>>>,
    thread: Option<JoinHandle<()>>,
    /// A call is under way, or was when its future was dropped.
    busy: bool,
}

impl<T: 'static> OwnThread<T> {
    /// Makes the value there, and tells something of it.
    ///
    /// # Errors
    /// Why the value cannot be made; [`FailureKind::Destination`] where there can be no further thread.
    pub(crate) async fn start<U: Send + 'static>(
        name: &str,
        make: impl FnOnce() -> Result<(T, U), Failure> + Send + 'static,
    ) -> Result<(Self, U), Failure> {
        // There is one call at a time, for which there is always a place.
        let (calls, queue) = mpsc::sync_channel::<Call<T>>(1);
        let (made, told) = oneshot::channel();
        let live = move || {
            let mut value = match make() {
                Ok((value, told)) => {
                    let _ = made.send(Ok(told));
                    value
                }
                Err(failure) => return drop(made.send(Err(failure))),
            };
            queue.into_iter().for_each(|call| call(&mut value));
        };
        let thread = Builder::new().name(name.to_owned()).spawn(live).map_err(|error| {
            Failure::new(FailureKind::Destination, "no thread for writing could be started").caused_by(error)
        })?;
        let own = Self { calls: Some(calls), thread: Some(thread), busy: false };
        let told = told.await.map_err(|_| ended())??;
        Ok((own, told))
    }

    /// Does something with the value, on its thread.
    ///
    /// Not cancel safe: the call is finished all the same, and no other is taken after it.
    ///
    /// # Errors
    /// What `action` fails with; [`FailureKind::Destination`] after a call that was dropped, or that panicked.
    pub(crate) async fn call<U: Send + 'static>(
        &mut self,
        action: impl FnOnce(&mut T) -> Result<U, Failure> + Send + 'static,
    ) -> Result<U, Failure> {
        if self.busy {
            return Err(Failure::new(FailureKind::Destination, "an earlier write to this stream was abandoned"));
        }
        self.busy = true;
        let (done, outcome) = oneshot::channel();
        let call: Call<T> = Box::new(move |value| drop(done.send(action(value))));
        self.calls.as_ref().ok_or_else(ended)?.send(call).map_err(|_| ended())?;
        let outcome = outcome.await.map_err(|_| ended())?;
        self.busy = false;
        outcome
    }
}

impl<T> Drop for OwnThread<T> {
    /// The value is gone when this returns, unless a call is under way, which nobody waits for.
    fn drop(&mut self) {
        drop(self.calls.take());
        if let (false, Some(thread)) = (self.busy, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn ended() -> Failure {
    Failure::new(FailureKind::Destination, "the writing thread ended early")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Notes that it is gone.
    struct Guest {
        calls: u32,
        gone: Arc<AtomicBool>,
    }

    impl Drop for Guest {
        fn drop(&mut self) {
            self.gone.store(true, Ordering::SeqCst);
        }
    }

    async fn guest() -> (OwnThread<Guest>, Arc<AtomicBool>) {
        let gone = Arc::new(AtomicBool::new(false));
        let made = Guest { calls: 0, gone: Arc::clone(&gone) };
        let (own, ()) = OwnThread::start("guest", move || Ok((made, ()))).await.unwrap();
        (own, gone)
    }

    #[tokio::test]
    async fn all_calls_go_to_one_thread_and_the_value_is_gone_with_its_owner() {
        let (mut own, gone) = guest().await;
        let mut threads = Vec::new();
        for expected in 1..=3 {
            let call = |guest: &mut Guest| {
                guest.calls += 1;
                Ok((guest.calls, std::thread::current().id()))
            };
            let (calls, thread) = own.call(call).await.unwrap();
            assert_eq!(calls, expected);
            threads.push(thread);
        }
        threads.dedup();
        assert_eq!(threads.len(), 1);
        assert_ne!(threads[0], std::thread::current().id());
        drop(own);
        assert!(gone.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_failure_is_passed_on_and_leaves_the_value_of_use() {
        let (mut own, _) = guest().await;
        let fails = |_: &mut Guest| Err::<(), _>(Failure::new(FailureKind::DestinationLocked, "not now"));
        assert_eq!(own.call(fails).await.unwrap_err().kind, FailureKind::DestinationLocked);
        own.call(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_value_that_cannot_be_made_says_why() {
        let make = || Err::<(u8, ()), _>(Failure::new(FailureKind::DestinationLocked, "not now"));
        let failure = OwnThread::start("guest", make).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::DestinationLocked);
    }

    #[tokio::test]
    async fn after_a_call_that_was_dropped_there_is_no_other() {
        let (mut own, gone) = guest().await;
        let (go, wait) = mpsc::sync_channel::<()>(1);
        let call = own.call(move |_| {
            let _ = wait.recv();
            Ok(())
        });
        // Polled once, so that it is under way.
        assert!(futures::poll!(std::pin::pin!(call)).is_pending());
        let failure = own.call(|_| Ok(())).await.unwrap_err();
        assert!(failure.message.contains("abandoned"), "{failure}");
        drop(own);
        assert!(!gone.load(Ordering::SeqCst), "nobody waits for a call that was dropped");
        drop(go);
    }

    #[tokio::test]
    async fn a_panic_is_told_as_a_failure() {
        let (mut own, gone) = guest().await;
        let failure = own.call::<()>(|_| panic!("a defect")).await.unwrap_err();
        assert!(failure.message.contains("ended early"), "{failure}");
        drop(own);
        while !gone.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}
