"""Asks a running winnow server with the clients that people have: openai, cohere, huggingface_hub.

  winnow serve -m ms-marco-minilm-l12 -m bge-small-en &
  python examples/clients.py http://localhost:3000 --reranker ms-marco-minilm-l12 --embedder bge-small-en
"""
import argparse

import cohere
import huggingface_hub
import openai

QUESTION = "What do pandas eat?"
DOCUMENTS = ["Paris is in France.", "Bamboo, mostly: the giant panda eats it for half of the day.", "Bees dance."]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url")
    p.add_argument("--reranker", default="ms-marco-minilm-l12")
    p.add_argument("--embedder", default="bge-small-en")
    args = p.parse_args()

    ranked = cohere.ClientV2(api_key="none", base_url=args.url).rerank(
        model=args.reranker, query=QUESTION, documents=DOCUMENTS)
    print("cohere, rerank:")
    for result in ranked.results:
        print(f"  {result.relevance_score:.4f}  {DOCUMENTS[result.index]}")

    made = openai.OpenAI(api_key="none", base_url=args.url + "/v1").embeddings.create(
        model=args.embedder, input=DOCUMENTS)
    print("openai, embeddings:", len(made.data), "vectors of", len(made.data[0].embedding))

    vector = huggingface_hub.InferenceClient(model=args.url + "/embed").feature_extraction(DOCUMENTS[0])
    print("huggingface_hub, feature_extraction: shape", vector.shape)


if __name__ == "__main__":
    main()
