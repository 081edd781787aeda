import type { ComponentChildren } from 'preact';

/**
 * A scrolling part of the page. It takes keyboard focus, because otherwise nobody could scroll it by keyboard [WCAG
 * 2.1.1].
 */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
