"""A tiny chat model of random weights: model.py DIRECTORY. Nothing is downloaded."""

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

END, BEGIN_TURN, END_TURN = SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXT = ["You are a helpful assistant.", "Describe product 4711 in one sentence.", "system user assistant"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 2_048

directory = sys.argv[1]
bytes_of = pre_tokenizers.ByteLevel
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = bytes_of(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=512, special_tokens=SPECIAL, initial_alphabet=bytes_of.alphabet(), show_progress=False
)
tokenizer.train_from_iterator(TEXT, trainer)
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, eos_token=END_TURN, pad_token=END, model_max_length=CONTEXT, chat_template=TEMPLATE
)
fast.save_pretrained(directory)

torch.manual_seed(0)
config = Qwen2Config(
    vocab_size=len(fast),
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    max_position_embeddings=CONTEXT,
    initializer_range=0.2,
    tie_word_embeddings=True,
    bos_token_id=None,
    eos_token_id=fast.convert_tokens_to_ids(END_TURN),
    pad_token_id=fast.convert_tokens_to_ids(END),
)
Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(directory)
