//! Tasks that outlive a request: they are counted, and they end with the emulator.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A handle on the tasks of one emulator. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Runs `work` until it ends or the emulator does.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Runs something that takes a processor for a while.
    pub(crate) fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) {
        self.tasks.spawn_blocking(work);
    }

    /// Tells all tasks to end.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until none is left; call [`Background::cancel`] first.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}
