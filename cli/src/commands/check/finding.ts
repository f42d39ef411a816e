/** What was found about one component. */
export interface Finding {
  readonly component: string;
  readonly ok: boolean;
  /** What is so, in a few words. */
  readonly detail: string;
  /** What to do next. Empty when it is well. */
  readonly hint: string;
}

export function well(component: string, detail: string): Finding {
  return { component, ok: true, detail, hint: "" };
}

export function ill(component: string, detail: string, hint: string): Finding {
  return { component, ok: false, detail, hint };
}
