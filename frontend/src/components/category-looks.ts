/** A colour and an icon for each category of the taxonomy; own categories share one icon and differ in colour. */
import {
  ArrowDownToLine,
  ArrowUpFromLine,
  Banknote,
  Briefcase,
  Car,
  CircleHelp,
  Clapperboard,
  CreditCard,
  HandCoins,
  Hammer,
  House,
  Landmark,
  type LucideIcon,
  Percent,
  Plane,
  Scale,
  ShoppingBag,
  Sparkles,
  Stethoscope,
  Tag,
  Utensils,
  Wrench,
} from "lucide-react";

export interface Look {
  readonly icon: LucideIcon;
  /** A colour of the theme. */
  readonly color: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  INCOME: { icon: Banknote, color: "green" },
  LOAN_DISBURSEMENTS: { icon: HandCoins, color: "lime" },
  LOAN_PAYMENTS: { icon: Percent, color: "violet" },
  LOAN_PAYMENTS_CREDIT_CARD_PAYMENT: { icon: CreditCard, color: "gray" },
  TRANSFER_IN: { icon: ArrowDownToLine, color: "gray" },
  TRANSFER_OUT: { icon: ArrowUpFromLine, color: "gray" },
  BANK_FEES: { icon: Landmark, color: "red" },
  ENTERTAINMENT: { icon: Clapperboard, color: "grape" },
  FOOD_AND_DRINK: { icon: Utensils, color: "orange" },
  GENERAL_MERCHANDISE: { icon: ShoppingBag, color: "blue" },
  HOME_IMPROVEMENT: { icon: Hammer, color: "yellow" },
  MEDICAL: { icon: Stethoscope, color: "pink" },
  PERSONAL_CARE: { icon: Sparkles, color: "pink" },
  GENERAL_SERVICES: { icon: Wrench, color: "cyan" },
  GOVERNMENT_AND_NON_PROFIT: { icon: Scale, color: "indigo" },
  TRANSPORTATION: { icon: Car, color: "teal" },
  TRAVEL: { icon: Plane, color: "cyan" },
  RENT_AND_UTILITIES: { icon: House, color: "indigo" },
  OTHER: { icon: Briefcase, color: "gray" },
  UNCATEGORIZED: { icon: CircleHelp, color: "gray" },
};

const OWN_COLORS = ["violet", "lime", "teal", "orange", "pink", "blue", "grape", "yellow"];

export function lookOf(categoryId: string): Look {
  return LOOKS[categoryId] ?? { icon: Tag, color: OWN_COLORS[hash(categoryId) % OWN_COLORS.length] ?? "gray" };
}

function hash(text: string): number {
  return Array.from(text).reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521, 7);
}
