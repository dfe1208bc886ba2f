/** The reason of a plan that has nothing to do before its time. */
export const notDue = 'not due yet';
