/*
 * The local Stripe's card element is five bare inputs in our own page, where Stripe's is a frame
 * that Stripe has designed. They get what a frame brings along: names that are read out, hints of
 * what to enter, the browser's card autofill. Stripe's own element has no such inputs, and nothing
 * is done to it.
 */
const INPUTS: Record<string, { label: string; hint: string; autofill: string }> = {
  number: { label: 'Card number', hint: '1234 1234 1234 1234', autofill: 'cc-number' },
  exp_month: { label: 'Expiry month', hint: 'MM', autofill: 'cc-exp-month' },
  exp_year: { label: 'Expiry year, two digits', hint: 'YY', autofill: 'cc-exp-year' },
  cvc: { label: 'Security code', hint: 'CVC', autofill: 'cc-csc' },
  postal_code: { label: 'Postal code', hint: 'Postal code', autofill: 'postal-code' },
};

export function dressBareInputs(host: HTMLElement): void {
  for (const input of host.querySelectorAll('input[placeholder]:not([aria-label])')) {
    const field = input.getAttribute('placeholder') ?? '';
    const words = INPUTS[field];
    if (!words) continue;
    input.setAttribute('data-field', field);
    input.setAttribute('aria-label', words.label);
    input.setAttribute('placeholder', words.hint);
    input.setAttribute('autocomplete', words.autofill);
    input.setAttribute('inputmode', 'numeric');
    // It goes on to the next input after 16 characters, so a typed space would cut the number off.
    input.addEventListener('beforeinput', event => {
      if ((event as InputEvent).data === ' ') event.preventDefault();
    });
  }
}
