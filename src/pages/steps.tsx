import type { FC } from 'hono/jsx';
import type { Step } from '../core/lineage/lineage.ts';
import type { Made } from './parts.tsx';

/** In the order in which a run takes them. */
export const steps = [
  'lease',
  'key',
  'order',
  'challenges',
  'validate',
  'finalize',
  'deploy',
  'close',
] as const satisfies readonly Step[];

export const isStep = (step: string | undefined): step is Step => steps.some((one) => one === step);

/** How far a run is, in a line. */
export const StepMeter: FC<Made & { readonly step: string | undefined }> = ({ reader: { text }, step }) => {
  if (!isStep(step)) return null;
  const at = steps.indexOf(step);
  return (
    <span class="meter">
      <svg class="step-meter" viewBox={`0 0 ${steps.length * 12} 6`} aria-hidden="true" focusable="false">
        {steps.map((_, i) => (
          <rect class={i < at ? 'done' : i === at ? 'now' : 'open'} x={i * 12} y="0" width="10" height="6" rx="2" />
        ))}
      </svg>
      <span>{text.stepOf(text.steps[step], at + 1, steps.length)}</span>
    </span>
  );
};

/** How far a run is, step by step. */
export const StepList: FC<Made & { readonly step: Step; readonly isCutOff: boolean }> = ({
  reader: { text },
  step,
  isCutOff,
}) => {
  const at = steps.indexOf(step);
  return (
    <ol class="steps">
      {steps.map((one, i) => {
        const state = i < at ? 'done' : i > at ? 'open' : isCutOff ? 'cut' : 'now';
        return (
          <li class={state} aria-current={i === at ? 'step' : undefined}>
            {text.steps[one]} <span class="step-state">{text.stepStates[state]}</span>
          </li>
        );
      })}
    </ol>
  );
};
