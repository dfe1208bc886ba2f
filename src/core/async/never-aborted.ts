/** The signal of what must be done, whatever becomes of whoever asked for it. */
export const neverAborted: AbortSignal = new AbortController().signal;
