import type { ComponentChildren } from 'preact';

/** A part of the page that scrolls by itself; it can be reached by keyboard, or nobody could scroll it [WCAG 2.1.1]. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
