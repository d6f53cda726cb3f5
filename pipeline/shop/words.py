"""The words the demonstration shop is made of: brands, categories, their styles and product types with a usual price.

All brands are invented; a title reads `Nordvik Trail Running Shoes 300`.
"""

_INVENTED = """
    Nordvik Halden Brisko Velora Quillon Tarnby Oskari Lumeo Zephra Kestrin Morvane Pellow Dravik Sundra Calyra Fennick
    Ironwick Mirelle Tovola Aurigo Corvane Duneva Elmsworth Faroni Glimt Hexley Inkari Jolvane Kapello Marrowby Nimbra
    Orlune Pinnova Rookhill Solvane Tindra Umbrio Varnholt Wrenly Zintra
"""
BRANDS: tuple[str, ...] = tuple(_INVENTED.split())

# category: (styles, {product type: usual price in EUR})
CATEGORIES: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "Footwear": (
        ("Trail", "Road", "City", "Alpine", "Court", "Classic"),
        {
            "Running Shoes": 110,
            "Hiking Boots": 150,
            "Sandals": 45,
            "Sneakers": 85,
            "Rain Boots": 55,
            "Slippers": 30,
        },
    ),
    "Clothing": (
        ("Merino", "Cotton", "Linen", "Thermal", "Relaxed", "Slim"),
        {"T-Shirt": 25, "Winter Jacket": 180, "Jeans": 70, "Hoodie": 55, "Summer Dress": 65, "Wool Socks": 14},
    ),
    "Camping": (
        ("Ultralight", "Family", "Expedition", "Compact", "Four-Season", "Basecamp"),
        {
            "Tent": 240,
            "Sleeping Bag": 130,
            "Camping Stove": 60,
            "Backpack": 120,
            "Headlamp": 40,
            "Water Filter": 45,
        },
    ),
    "Cycling": (
        ("Gravel", "Commuter", "Racing", "Touring", "Mountain", "Urban"),
        {
            "Bike Helmet": 70,
            "Bicycle Lock": 45,
            "Bike Light": 35,
            "Cycling Gloves": 28,
            "Saddle": 60,
            "Floor Pump": 40,
        },
    ),
    "Audio": (
        ("Wireless", "Studio", "Portable", "Vintage", "Bass", "Noise-Cancelling"),
        {"Headphones": 140, "Speaker": 120, "Turntable": 230, "Earbuds": 80, "Microphone": 110, "Soundbar": 210},
    ),
    "Computers": (
        ("Silent", "Pro", "Mini", "Gaming", "Office", "Travel"),
        {"Laptop": 950, "Keyboard": 75, "Mouse": 40, "Monitor": 260, "Webcam": 65, "External Drive": 95},
    ),
    "Games": (
        ("Deluxe", "Pocket", "Cooperative", "Strategy", "Party", "Legacy"),
        {
            "Board Game": 40,
            "Card Game": 18,
            "Jigsaw Puzzle": 20,
            "Dice Set": 12,
            "Chess Set": 45,
            "Game Controller": 60,
        },
    ),
    "Kitchen": (
        ("Cast-Iron", "Ceramic", "Steel", "Copper", "Bamboo", "Compact"),
        {
            "Frying Pan": 45,
            "Chef Knife": 70,
            "Coffee Grinder": 65,
            "Kettle": 50,
            "Baking Dish": 30,
            "Cutting Board": 28,
        },
    ),
    "Home": (
        ("Nordic", "Rustic", "Modern", "Velvet", "Oak", "Woven"),
        {
            "Desk Lamp": 55,
            "Floor Rug": 130,
            "Throw Pillow": 25,
            "Wall Clock": 40,
            "Bookshelf": 160,
            "Bed Linen": 75,
        },
    ),
    "Garden": (
        ("Folding", "Heavy-Duty", "Cordless", "Raised", "Galvanised", "Solar"),
        {
            "Pruning Shears": 30,
            "Watering Can": 25,
            "Lawn Mower": 280,
            "Plant Pot": 20,
            "Garden Chair": 80,
            "Bird Feeder": 22,
        },
    ),
    "Beauty": (
        ("Herbal", "Gentle", "Mineral", "Citrus", "Overnight", "Sensitive"),
        {
            "Face Cream": 28,
            "Shampoo": 12,
            "Hand Soap": 8,
            "Sunscreen": 18,
            "Hair Dryer": 60,
            "Electric Toothbrush": 75,
        },
    ),
    "Toys": (
        ("Wooden", "Musical", "Magnetic", "Plush", "Giant", "Glowing"),
        {
            "Building Blocks": 35,
            "Train Set": 60,
            "Doll House": 90,
            "Teddy Bear": 25,
            "Kite": 20,
            "Science Kit": 38,
        },
    ),
}
