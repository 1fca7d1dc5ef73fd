// What One Tap tells about itself: that it is there or not, that it was skipped, that it is over.

class PromptMomentNotification {
  #type;
  #outcome;
  #reason;

  constructor(type, outcome, reason) {
    this.#type = type;
    this.#outcome = outcome;
    this.#reason = reason;
  }

  #is(type, outcome = this.#outcome) {
    return this.#type === type && this.#outcome === outcome;
  }

  getMomentType() {
    return this.#type;
  }

  isDisplayMoment() {
    return this.#is("display");
  }

  isDisplayed() {
    return this.#is("display", "displayed");
  }

  isNotDisplayed() {
    return this.#is("display", "not_displayed");
  }

  getNotDisplayedReason() {
    return this.isNotDisplayed() ? this.#reason : undefined;
  }

  isSkippedMoment() {
    return this.#is("skipped");
  }

  getSkippedReason() {
    return this.isSkippedMoment() ? this.#reason : undefined;
  }

  isDismissedMoment() {
    return this.#is("dismissed");
  }

  getDismissedReason() {
    return this.isDismissedMoment() ? this.#reason : undefined;
  }
}

/** Tells a listener. With FedCM the browser keeps to itself what it shows and why it was skipped. */
function tellMoments(listener, withFedcm) {
  const tell = (...what) => listener?.(new PromptMomentNotification(...what));
  return {
    displayed: () => withFedcm || tell("display", "displayed"),
    notDisplayed: (reason) => {
      if (!withFedcm) tell("display", "not_displayed", reason);
    },
    skipped: (reason) => tell("skipped", undefined, withFedcm ? undefined : reason),
    dismissed: (reason) => tell("dismissed", undefined, reason),
  };
}
